#!/usr/bin/python3
"""The client on a host that others configure too: other MPTCP programs, strict filters, interfaces
that appear later."""

import time
import unittest

from tunnel import Tunnel

from faults import make
from machine import Machine

CARRIES_BYTES = 100_000
FOUND_S = 2
PATH_MANAGER = "net.mptcp.path_manager"
OLD_PATH_MANAGER = "net.mptcp.pm_type"  # before Linux 6.15


class SharedHost(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel()
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client = self.tunnel.lab, self.tunnel.client

    def sysctl(self, key):
        return self.lab.run("client", ["sysctl", "-n", key], check=False).stdout.strip()

    def set_sysctl(self, key, value):
        self.lab.sysctl("client", {key: value})

    def endpoints(self):
        return self.lab.run("client", ["ip", "mptcp", "endpoint"]).stdout.splitlines()

    def received(self, name):
        return self.lab.link_stats(name)["down"]["bytes"]

    def test_other_mptcp_programs_keep_their_path_manager_and_endpoints(self):
        lte = self.lab.addresses["lte"]["v4"]
        self.lab.run("client", ["ip", "mptcp", "endpoint", "add", lte, "dev", "lte", "subflow"])
        before = self.endpoints(), self.sysctl(PATH_MANAGER), self.sysctl(OLD_PATH_MANAGER)
        self.tunnel.start()
        self.lab.traffic_server("server", "tcp-server", "5001", "--mptcp")

        lte_before = self.received("lte")
        report = self.lab.traffic("client", "download", self.lab.server4, "5001", "4M", "--mptcp",
                                  "--device", "wifi")
        self.assertTrue(report["sha256_ok"], report)
        self.assertGreater(self.received("lte") - lte_before, CARRIES_BYTES,
                           "another program's connection uses its own endpoint")

        for name in ("wifi", "lte"):  # which makes the client act
            with make("admin_down", self.lab, name):
                time.sleep(0.3)
        self.client.wait_active("wifi", "lte")
        after = self.endpoints(), self.sysctl(PATH_MANAGER), self.sysctl(OLD_PATH_MANAGER)
        # The kernel drops no endpoint with its address, and the TUN has not become one.
        self.assertEqual(after, before)

    def test_strict_filters_are_loosened_and_restored(self):
        keys = {name: f"net.ipv4.conf.{name}.rp_filter" for name in ("all", "wifi", "lte")}
        for name, value in (("all", 0), ("wifi", 1), ("lte", 1)):
            self.set_sysctl(keys[name], value)
        self.set_sysctl("net.ipv4.conf.default.rp_filter", 1)
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.tunnel.start()
        self.assertEqual([self.sysctl(keys[name]) for name in keys], ["0", "2", "2"])
        self.assertIn("rp_filter", self.client.log.read_text())

        with make("device_recreated", self.lab, "lte"):
            time.sleep(0.3)
        self.assert_used("lte")
        self.assertEqual(self.sysctl(keys["lte"]), "2", "of the new interface")

        self.client.stop()
        self.assertEqual([self.sysctl(keys[name]) for name in keys], ["0", "1", "1"])

    def test_auto_follows_an_interface_that_appears_later(self):
        self.client.write_config("auto")
        self.lab.traffic_server("internet", "tcp-server", "5001")
        with make("device_recreated", self.lab, "lte"):
            self.tunnel.server.start()
            self.client.start()
            self.assertEqual([uplink["interface"] for uplink in self.client.status()["uplinks"]],
                             ["wifi"])
        self.assert_used("lte")
        self.assertEqual(self.client.uplink("lte")["state"], "active")

    def assert_used(self, name):
        """Downloads until the uplink has had its part of it."""
        before, began = self.received(name), time.monotonic()
        with Machine() as machine:
            while (self.received(name) - before < CARRIES_BYTES
                   and time.monotonic() < began + 10 * FOUND_S):
                report = self.lab.traffic("client", "download", self.lab.internet4, "5001", "1M")
                self.assertTrue(report["sha256_ok"], report)
        self.assertLess(time.monotonic() - began, FOUND_S * machine.ease, f"{name} is not used")


if __name__ == "__main__":
    unittest.main(verbosity=2)
