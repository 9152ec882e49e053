#!/usr/bin/python3
"""Rules that route subflows by their source address, as on kernels that do not bind subflows to
devices; here the config asks for them."""

import json
import os
import signal
import sys
import time
import unittest

from tunnel import Tunnel, endpoint6

UPLINKS = ("wifi", "lte")
HOST_VIEWS = (["ip", "rule"], ["ip", "-6", "rule"], ["ip", "route", "show", "table", "all"],
              ["ip", "-6", "route", "show", "table", "all"])

# A TCP connection that is bound to an address, but to no device: like a subflow on such a kernel.
CONNECT = """
import socket, sys
source, server = sys.argv[1:]
socket.create_connection((server, 8684), timeout=3, source_address=(source, 0)).close()
"""


class SourceRules(unittest.TestCase):
    def open(self, **settings):
        self.tunnel = Tunnel(uplinks=UPLINKS, client_settings={"source_rules": "always"},
                             **settings)
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client = self.tunnel.lab, self.tunnel.client

    def ruled(self, family="-4"):
        """The addresses that have a rule of ours."""
        rules = self.lab.run("client", ["ip", "-j", family, "rule"]).stdout
        return {rule["src"] for rule in json.loads(rules) if rule["priority"] == 8683}

    def way(self, server, source):
        """The device and gateway that a packet of an unbound socket takes."""
        route = json.loads(self.lab.run("client", ["ip", "-j", "route", "get", server, "from",
                                                   source]).stdout)[0]
        return route["dev"], route.get("gateway")

    def host_view(self):
        return [self.lab.run("client", argv).stdout.splitlines() for argv in HOST_VIEWS]

    def address(self, uplink, what="v4"):
        return self.lab.addresses[uplink][what]

    def test_subflows_of_both_uplinks_have_rules_and_carry_traffic(self):
        self.open()
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.tunnel.start()
        self.assertEqual(self.ruled(), {self.address(uplink) for uplink in UPLINKS})
        for uplink in UPLINKS:
            self.assertEqual(self.way(self.lab.server4, self.address(uplink)),
                             (uplink, self.address(uplink, "gateway4")))
            # The rest of what has such a source goes through the tunnel, as without rules.
            self.assertEqual(self.way(self.lab.internet4, self.address(uplink))[0], "braid0")
        report = self.lab.traffic("client", "download", self.lab.internet4, "5001", "20M")
        self.assertTrue(report["sha256_ok"], report)
        for uplink in UPLINKS:
            self.assertGreater(self.client.uplink(uplink)["rx_bytes"], 1_000_000, uplink)

    def test_an_unbound_connection_leaves_by_the_uplink_of_its_source(self):
        self.open()
        self.tunnel.start()
        self.lab.blackhole("wifi")  # the main table's best default route
        connect = [sys.executable, "-c", CONNECT]
        self.lab.run("client", [*connect, self.address("lte"), self.lab.server4])
        failed = self.lab.run("client", [*connect, self.address("wifi"), self.lab.server4],
                              check=False)
        self.assertNotEqual(failed.returncode, 0)

    def test_ipv6_subflows_have_rules_too(self):
        self.open(endpoint=endpoint6)
        self.tunnel.start()
        self.assertEqual(self.ruled("-6"), {self.address(uplink, "v6") for uplink in UPLINKS})
        for uplink in UPLINKS:
            self.assertEqual(self.way(self.lab.server6, self.address(uplink, "v6"))[0], uplink)

    def test_the_rule_follows_an_address_and_a_gateway_that_change(self):
        self.open()
        self.tunnel.start()
        old, gateway = self.address("wifi"), self.address("wifi", "gateway4")
        new = old.rpartition(".")[0] + ".77"
        for argv in (["addr", "del", f"{old}/24", "dev", "wifi"],
                     ["addr", "add", f"{new}/24", "dev", "wifi"],
                     ["route", "replace", "default", "via", gateway, "dev", "wifi",
                      "metric", "100"]):
            self.lab.run("client", ["ip", *argv])
        self.lab.wait_for(lambda: self.ruled() == {new, self.address("lte")}, 5, "the rule to move")
        self.assertEqual(self.way(self.lab.server4, new), ("wifi", gateway))
        self.client.wait_active(*UPLINKS)

        other = old.rpartition(".")[0] + ".254"
        self.lab.run("client", ["ip", "route", "replace", "default", "via", other, "dev", "wifi",
                                "metric", "100"])
        self.lab.wait_for(lambda: self.way(self.lab.server4, new) == ("wifi", other), 5,
                          "the other gateway")

    def test_rules_come_back_with_their_interface_and_after_somebody_deleted_them(self):
        self.open()
        self.tunnel.start()
        wifi = (self.lab.server4, self.address("wifi"))
        self.lab.link_down("wifi")
        self.lab.wait_for(lambda: self.ruled() == {self.address("lte")}, 5, "wifi's rule to go")
        self.lab.link_up("wifi")
        self.lab.wait_for(lambda: self.way(*wifi)[0] == "wifi", 5, "wifi's rule")
        self.client.wait_active(*UPLINKS)
        self.lab.run("client", ["ip", "rule", "del", "pref", "8683"])
        self.lab.wait_for(lambda: len(self.ruled()) == 2, 5, "the deleted rule")

    def test_rules_go_with_stop_and_after_a_crash(self):
        self.open()
        before = self.host_view()
        self.tunnel.start()
        self.client.stop()
        self.assertEqual(self.host_view(), before)
        self.client.start()
        self.client.wait_active(*UPLINKS)
        os.kill(self.client.pid(), signal.SIGKILL)
        time.sleep(0.2)
        self.assertEqual(len(self.ruled()), 2)
        self.client.stop()
        self.assertEqual(self.host_view(), before)

    def test_a_kernel_that_binds_subflows_gets_no_rules(self):
        self.open()
        release = tuple(int(part) for part in os.uname().release.split(".")[:2])
        if release < (6, 12):
            self.skipTest("this kernel does not bind subflows to devices")
        self.client.settings["source_rules"] = "auto"
        self.client.write_config([{"interface": uplink} for uplink in UPLINKS])
        self.tunnel.start()
        self.assertEqual(self.ruled(), set())
        checked = self.client.verb("check")
        self.assertNotIn("does not bind subflows", checked.stdout + checked.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
