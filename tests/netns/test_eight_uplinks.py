#!/usr/bin/python3
"""Eight uplinks at once: all carry a bulk transfer, and two of them may fail in it."""

import threading
import time
import unittest

from tunnel import Tunnel

from faults import make
from machine import fairly

NAMES = tuple(f"line{number}" for number in range(1, 9))
LEAST_BYTES = 300_000
MOST_STALL_MS = 1000


class EightUplinks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tunnel = Tunnel(uplinks=[f"{name}=dsl" for name in NAMES])
        cls.tunnel.__enter__()
        cls.addClassCleanup(cls.tunnel.__exit__)
        cls.lab = cls.tunnel.lab
        cls.lab.traffic_server("internet", "tcp-server", "5001")
        cls.tunnel.start()

    def received(self):
        return {name: self.lab.link_stats(name)["down"]["bytes"] for name in NAMES}

    def download(self, seconds):
        """Yields the report, and what each uplink brought."""
        before = self.received()
        report = self.lab.traffic("client", "download", self.lab.internet4, "5001", "--seconds",
                                  seconds)
        self.assertTrue(report["sha256_ok"], report)
        return report, {name: total - before[name] for name, total in self.received().items()}

    def assert_all_carry(self):
        def check(measured, ease):
            report, brought = measured
            print(f"{report['mbit_s_after_first_second']} Mbit/s, {brought}", flush=True)
            for name in NAMES:
                self.assertGreater(brought[name], LEAST_BYTES / ease, name)

        fairly(lambda: self.download(4), check)

    def test_all_carry_a_transfer_and_it_survives_the_failure_of_two(self):
        self.assert_all_carry()

        def check(stall_ms, ease):
            self.assertLess(stall_ms, MOST_STALL_MS * ease)

        fairly(self.stall_ms_of_failures, check)
        self.assert_all_carry()

    def stall_ms_of_failures(self):
        """The longest stall of a transfer in which two uplinks fail."""
        failing = [make("blackhole", self.lab, "line2"), make("admin_down", self.lab, "line5")]
        timer = threading.Timer(1.5, lambda: [fault.begin() for fault in failing])
        timer.start()
        try:
            report, _ = self.download(5)
            at_rest = self.received()
            self.assertTrue(self.tunnel.client.uplink("line5")["reason"])
            time.sleep(0.1)
            self.assertEqual(self.received()["line2"], at_rest["line2"])
        finally:
            timer.join()
            for fault in failing:
                fault.end()
        print(f"longest stall {report['longest_stall_ms']} ms", flush=True)
        self.tunnel.client.wait_active(*NAMES)
        return report["longest_stall_ms"]


if __name__ == "__main__":
    unittest.main(verbosity=2)
