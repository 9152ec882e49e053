#!/usr/bin/python3
"""An uplink whose data cap says `limit RATE` carries no more than that, alone and beside another."""

import time
import unittest

from tunnel import Tunnel

from machine import fairly

RATE = 2e6  # bit/s, of a link of 30 down and 10 up
WIFI_GOODPUT = {"download": 46.6, "upload": 18.7}  # Mbit/s inside the tunnel, alone
SECONDS = 6


class Limits(unittest.TestCase):
    def open(self, **settings):
        self.tunnel = Tunnel(client_settings=settings)
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client = self.tunnel.lab, self.tunnel.client
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.tunnel.start()

    def limit(self):
        """lte is past its cap from here on, and has used up its first bucket."""
        self.client.write_config([
            {"interface": "wifi"},
            {"interface": "lte", "data_cap": {"daily": "1k"}, "at_cap": "limit 2M"}])
        self.client.verb("reload")
        self.transfer("download", 2)
        self.assertTrue(self.client.uplink("lte")["data"]["reached"])

    def transfer(self, kind, seconds):
        return self.lab.traffic("client", kind, self.lab.internet4, "5001", "--seconds",
                                str(seconds))

    def measure(self, kind):
        """Yields what a transfer reports, and bit/s over lte meanwhile, both ways."""
        def carried():
            lte = self.client.uplink("lte")
            return lte["tx_bytes"] + lte["rx_bytes"]
        before, began = carried(), time.monotonic()
        report = self.transfer(kind, SECONDS)
        rate = 8 * (carried() - before) / (time.monotonic() - began)
        print(kind, f"lte {rate / 1e6:.2f} Mbit/s", report)
        self.assertTrue(report["sha256_ok"])
        return report, rate

    def check_rate(self, rate, ease):
        self.assertGreater(rate, 0.7 * RATE / ease)
        self.assertLess(rate, 1.3 * RATE * ease)
        lte = self.client.uplink("lte")
        self.assertEqual(lte["state"], "active")
        self.assertIn("data cap is reached", lte["reason"])

    def check_only_uplink(self):
        self.lab.link_down("wifi")
        self.transfer("download", 2)  # a fast one: the connection's window grows
        self.limit()
        for kind in ("download", "upload"):
            with self.subTest(kind):
                fairly(lambda kind=kind: self.measure(kind)[1], self.check_rate)
        self.lab.link_up("wifi")
        self.client.wait_active("wifi")

        def nothing_of_it_holds_the_other_back(measured, ease):
            self.assertGreater(measured[0]["mbit_s_after_first_second"],
                               0.8 * WIFI_GOODPUT["download"] / ease)

        fairly(lambda: self.measure("download"), nothing_of_it_holds_the_other_back)
        log = self.client.log.read_text()
        self.assertEqual(log.count("handshake done") + log.count("join done"), 1)

    def test_the_only_uplink_keeps_to_its_limit_both_ways(self):
        self.open()
        self.check_only_uplink()

    def test_it_does_so_without_the_guard(self):
        self.open(guard=False)
        self.check_only_uplink()

    def test_beside_another_it_keeps_to_its_limit_and_the_other_is_as_fast_as_ever(self):
        self.open()
        self.limit()
        for kind in ("download", "upload"):
            def check(measured, ease, kind=kind):
                report, rate = measured
                self.check_rate(rate, ease)
                self.assertGreater(report["mbit_s_after_first_second"],
                                   0.85 * WIFI_GOODPUT[kind] / ease)

            with self.subTest(kind):
                fairly(lambda kind=kind: self.measure(kind), check)


if __name__ == "__main__":
    unittest.main(verbosity=2)
