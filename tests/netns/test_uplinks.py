#!/usr/bin/python3
"""Two uplinks add up, and either may go and come back under traffic."""

import threading
import time
import unittest

from tunnel import Tunnel

from machine import fairly

MOST_STALL_MS = 300
LEAST_BONDED = 0.85


class Uplinks(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel()
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab = self.tunnel.lab
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.lab.traffic_server("internet", "udp-echo-server", "5002")

    def download_mbps(self, seconds):
        report = self.lab.traffic("client", "download", self.lab.internet4, "5001",
                                  "--seconds", str(seconds))
        return report["mbit_s_after_first_second"]

    def test_one_download_reaches_most_of_the_sum_of_both_uplinks(self):
        self.tunnel.server.start()
        alone = {}
        for name in ("wifi", "lte"):
            self.tunnel.client.write_config([{"interface": name}])
            self.tunnel.client.start()
            alone[name] = self.download_mbps(5)
            self.tunnel.client.stop()
        self.tunnel.client.write_config([{"interface": "wifi"}, {"interface": "lte"}])
        self.tunnel.start()

        def check(bonded, ease):
            share = bonded / sum(alone.values())
            print(f"alone {alone}, bonded {bonded:.1f} Mbit/s, {share:.0%} of the sum")
            self.assertGreaterEqual(share, LEAST_BONDED / ease)

        fairly(lambda: self.download_mbps(6), check, tries=4)

    def test_an_interface_going_down_hardly_stalls_a_stream(self):
        self.tunnel.start()

        def check(gap_ms, ease):
            self.assertLess(gap_ms, MOST_STALL_MS * ease)

        for name in ("wifi", "lte"):
            with self.subTest(name):
                fairly(lambda name=name: self.gap_ms_of(name), check)

    def gap_ms_of(self, name):
        """The longest gap of a stream while that uplink goes down."""
        report = {}

        def stream():
            report.update(self.lab.traffic("client", "udp-stream", self.lab.internet4, "5002",
                                           "--interval", "10ms", "--seconds", "4"))

        runner = threading.Thread(target=stream)
        runner.start()
        time.sleep(1.5)
        self.lab.link_down(name)
        runner.join()
        self.lab.link_up(name)
        self.tunnel.client.wait_active("wifi", "lte")
        print(f"{name}: longest gap {report['longest_gap_ms']} ms", flush=True)
        return report["longest_gap_ms"]

    def test_a_large_transfer_survives_uplinks_going_down_and_up_in_turn(self):
        self.tunnel.start()
        done = threading.Event()
        cuts = []

        def cut_in_turn():
            while not done.is_set() and len(cuts) < 100:
                name = ("wifi", "lte")[len(cuts) % 2]
                cuts.append(name)
                self.lab.link_down(name)
                done.wait(1.5)
                self.lab.link_up(name)
                done.wait(3)

        cutter = threading.Thread(target=cut_in_turn)
        cutter.start()
        try:
            report = self.lab.traffic("client", "download", self.lab.internet4, "5001", "150M",
                                      timeout=180)
        finally:
            done.set()
            cutter.join()
        print(f"{len(cuts)} cuts, {report}")
        self.assertTrue(report["sha256_ok"], report)
        self.assertGreaterEqual(len(cuts), 4)
        self.tunnel.client.wait_active("wifi", "lte")

    def test_the_address_of_an_uplink_changes(self):
        self.tunnel.start()
        # The network's last free address: the gateway and the old one are .1 and .2.
        old = self.lab.addresses["wifi"]["v4"]
        new = old.rpartition(".")[0] + ".77"
        gateway = self.lab.addresses["wifi"]["gateway4"]
        self.lab.run("client", ["ip", "addr", "del", f"{old}/24", "dev", "wifi"])
        self.lab.run("client", ["ip", "addr", "add", f"{new}/24", "dev", "wifi"])
        self.lab.run("client", ["ip", "route", "replace", "default", "via", gateway, "dev", "wifi",
                                "metric", "100"])
        self.lab.wait_for(lambda: self.tunnel.client.uplink("wifi")["address"] == new
                          and self.tunnel.client.uplink("wifi")["state"] == "active",
                          10, "wifi active from its new address", interval=0.1)

    def test_all_uplinks_go_and_come_back(self):
        self.tunnel.start()
        stream = self.lab.popen("client", ["sleep", "1"])
        for name in ("wifi", "lte"):
            self.lab.link_down(name)
        stream.wait()
        time.sleep(3)
        for name in ("wifi", "lte"):
            self.lab.link_up(name)
        self.tunnel.client.wait_active("wifi", "lte", timeout=20)
        report = self.lab.traffic("client", "ping", self.lab.internet4, "--count", "5")
        self.assertEqual(report["received"], 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
