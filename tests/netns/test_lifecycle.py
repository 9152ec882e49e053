#!/usr/bin/python3
"""Start, stop, crash, restart: the command line keeps its promises and the host is left as it
was."""

import os
import signal
import sys
import time
import unittest

from tunnel import SERVER_INNER4, TRAFFIC, Tunnel

from machine import Machine

NOT_RUNNING, CONFIG, NO_UPLINK, TIMED_OUT = 3, 4, 7, 8

HOST_VIEWS = (
    ["ip", "rule"], ["ip", "-6", "rule"],
    ["ip", "route", "show", "table", "all"], ["ip", "-6", "route", "show", "table", "all"],
    ["nft", "list", "ruleset"], ["ip", "-o", "link"],
    ["ip", "mptcp", "limits"], ["ip", "mptcp", "endpoint"],
    # What the kernel counts or chooses at random is no setting.
    ["sh", "-c", "sysctl -a 2>/dev/null | grep -E '^net\\.' | "
                 "grep -vE 'stable_secret|random|nf_conntrack_count|flush'"],
)


class Lifecycle(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel()
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client, self.server = (self.tunnel.lab, self.tunnel.client,
                                              self.tunnel.server)

    def host_view(self, role):
        return {" ".join(argv): self.lab.run(role, argv).stdout for argv in HOST_VIEWS}

    def assert_host_unchanged(self, role, before):
        after = self.host_view(role)
        for name, text in before.items():
            self.assertEqual(after[name].splitlines(), text.splitlines(), f"{role}: {name}")

    def ping_works(self):
        report = self.lab.traffic("client", "ping", self.lab.internet4, "--count", "3",
                                  "--interval", "50ms")
        return report["received"] == 3

    def test_stop_leaves_both_hosts_as_they_were(self):
        before = {role: self.host_view(role) for role in ("client", "server")}
        self.tunnel.start()
        self.assertTrue(self.ping_works())
        self.client.stop()
        self.server.stop()
        for role, view in before.items():
            self.assert_host_unchanged(role, view)

    def test_after_kill_9_stop_and_the_next_start_repair_the_host(self):
        before = {role: self.host_view(role) for role in ("client", "server")}
        self.tunnel.start()
        for program in (self.client, self.server):
            os.kill(program.pid(), signal.SIGKILL)
        time.sleep(0.2)
        self.tunnel.start()
        self.assertTrue(self.ping_works())
        for program in (self.client, self.server):
            os.kill(program.pid(), signal.SIGKILL)
        time.sleep(0.2)
        for program in (self.client, self.server):
            program.stop()
        for role, view in before.items():
            self.assert_host_unchanged(role, view)

    def test_start_and_stop_may_be_repeated(self):
        self.tunnel.start()
        self.assertEqual(self.client.start().returncode, 0)
        self.assertEqual(self.server.start().returncode, 0)
        for program in (self.client, self.server):
            self.assertEqual(program.stop().returncode, 0)
            self.assertEqual(program.stop().returncode, 0)
            self.assertEqual(program.verb("status", check=False).returncode, NOT_RUNNING)

    def test_the_client_comes_back_after_a_server_restart(self):
        self.tunnel.start()
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.server.verb("restart")
        began = time.monotonic()
        self.lab.wait_for(lambda: self.client.status()["state"] == "up", 5, "client up again")
        print(f"up again after {time.monotonic() - began:.1f} s")
        self.assertTrue(self.ping_works())

    def test_inner_connections_survive_a_crash_of_the_server(self):
        # To the server itself: what it masquerades loses its state with the nft table.
        self.tunnel.start()
        self.lab.traffic_server("server", "tcp-server", "5001")
        child = self.lab.popen("client", [sys.executable, TRAFFIC, "download", SERVER_INNER4,
                                          "5001", "20M"])
        time.sleep(1)
        os.kill(self.server.pid(), signal.SIGKILL)
        time.sleep(0.5)
        self.server.start()
        self.assertEqual(child.wait(timeout=60), 0, child.log_path.read_text())
        self.assertIn('"sha256_ok": true', child.log_path.read_text())

    def test_inner_connections_survive_a_restart_of_the_client(self):
        self.tunnel.start()
        self.lab.traffic_server("internet", "tcp-server", "5001")
        child = self.lab.popen("client", [sys.executable, TRAFFIC, "download",
                                          self.lab.internet4, "5001", "20M"])
        time.sleep(1)
        os.kill(self.client.pid(), signal.SIGKILL)
        time.sleep(0.5)
        self.client.start()
        self.assertEqual(child.wait(timeout=60), 0, child.log_path.read_text())
        self.assertIn('"sha256_ok": true', child.log_path.read_text())

    def test_a_dead_first_uplink_does_not_keep_the_client_from_starting(self):
        self.server.start()
        self.lab.blackhole("wifi")
        with Machine() as machine:
            began = time.monotonic()
            self.client.start()
            took = time.monotonic() - began
        self.assertLess(took, 5 * machine.ease)
        self.assertTrue(self.ping_works())

    def test_without_a_server_start_times_out_and_leaves_nothing(self):
        before = self.host_view("client")
        done = self.client.start("--timeout", "3", check=False)
        self.assertEqual(done.returncode, TIMED_OUT, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^error: ")
        self.assert_host_unchanged("client", before)

    def test_without_any_uplink_start_says_so(self):
        for name in ("wifi", "lte"):
            self.lab.link_down(name)
        done = self.client.start("--timeout", "3", check=False)
        self.assertEqual(done.returncode, NO_UPLINK, done.stderr)

    def test_a_config_error_names_the_place(self):
        self.client.config.write_text("server:\n  endpiont: 192.0.2.1:8684\n")
        done = self.client.verb("check", check=False)
        self.assertEqual(done.returncode, CONFIG)
        self.assertRegex(done.stderr, r"config\.yaml:2:3: .*endpiont")

    def test_check_tells_that_the_limit_of_subflows_was_lowered(self):
        self.tunnel.start()
        done = self.server.verb("check")
        self.assertNotIn("limit of MPTCP subflows", done.stderr)
        self.lab.run("server", ["ip", "mptcp", "limits", "set", "subflows", "2"])
        done = self.server.verb("check")
        self.assertRegex(done.stderr, r"(?m)^warning: .*limit of MPTCP subflows to 2")

    def test_a_tun_set_down_and_up_gets_its_routes_back(self):
        self.tunnel.start()
        for change in ("down", "up"):
            self.lab.run("client", ["ip", "link", "set", "braid0", change])
        self.lab.wait_for(self.ping_works, 10, "ping after the TUN was down")
        route = self.lab.run("client", ["ip", "route", "get", self.lab.internet4]).stdout
        self.assertIn("dev braid0", route)

    def test_a_deleted_tun_ends_the_daemon_and_the_host_is_put_back(self):
        before = {role: self.host_view(role) for role in ("client", "server")}
        self.tunnel.start()
        for program in (self.client, self.server):
            self.lab.run(program.role, ["ip", "link", "delete", "braid0"])
            self.lab.wait_for(
                lambda: program.verb("status", check=False).returncode == NOT_RUNNING, 10,
                f"{program.name} ended")
        for role, view in before.items():
            self.assert_host_unchanged(role, view)

    def test_a_client_without_ipv6_uses_ipv4(self):
        self.lab.sysctl("client", {"net.ipv6.conf.all.disable_ipv6": "1",
                                   "net.ipv6.conf.default.disable_ipv6": "1"})
        self.tunnel.start()
        self.assertTrue(self.ping_works())

    def test_uplinks_auto_finds_every_default_route(self):
        self.client.write_config("auto")
        self.tunnel.start()
        self.assertEqual({u["interface"] for u in self.client.status()["uplinks"]},
                         {"wifi", "lte"})

    def test_routes_limit_what_goes_through_the_tunnel(self):
        self.client.settings["routes"] = ["192.0.2.0/24"]
        self.client.write_config([{"interface": "wifi"}, {"interface": "lte"}])
        self.tunnel.start()
        inside = self.lab.run("client", ["ip", "route", "get", self.lab.internet4]).stdout
        outside = self.lab.run("client", ["ip", "route", "get", "198.51.100.200"]).stdout
        self.assertIn("braid0", inside)
        self.assertNotIn("braid0", outside)
        self.assertTrue(self.ping_works())

    def test_handover_keeps_the_backup_quiet_until_it_is_needed(self):
        self.client.settings["policy"] = "handover"
        self.client.write_config([{"interface": "wifi"},
                                  {"interface": "lte", "priority": "backup"}])
        self.tunnel.start()
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.assertEqual(self.client.uplink("lte")["state"], "standby")
        before = self.lab.link_stats("lte")["down"]["bytes"]
        self.lab.traffic("client", "download", self.lab.internet4, "5001", "5M")
        quiet = self.lab.link_stats("lte")["down"]["bytes"] - before
        self.assertLess(quiet, 100_000)
        self.lab.link_down("wifi")
        report = self.lab.traffic("client", "download", self.lab.internet4, "5001", "1M")
        self.assertTrue(report["sha256_ok"])
        self.assertEqual(self.client.uplink("lte")["state"], "active")


if __name__ == "__main__":
    unittest.main(verbosity=2)
