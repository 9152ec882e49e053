#!/usr/bin/python3
"""Each fault is what it says, seen by programs that use the uplink directly, and leaves nothing."""

import json
import subprocess
import sys
import unittest

from fault import DeviceState
from faults import FAULTS, make
from lab import TRAFFIC, Lab

PORT = "5001"


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(("wifi",)).open()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.traffic_server("server", "tcp-server", PORT)

    def passes(self, family):
        """Whether a new connection over the uplink brings what it should, within half a second."""
        host = self.lab.server6 if family == 6 else self.lab.server4
        report = self.lab.traffic("client", "download", host, PORT, "20k", "--device", "wifi",
                                  "--timeout", "500ms")
        return report.get("sha256_ok", False) and "error" not in report

    def surroundings(self):
        """All that a fault could have left changed."""
        settings = self.lab.link_stats("wifi")
        state = DeviceState(self.lab, self.lab.link("wifi"))
        counted = ("packets", "bytes", "queue_bytes")
        return {
            "link": [{key: value for key, value in settings[direction].items()
                      if key not in counted and not key.startswith("dropped")}
                     for direction in ("up", "down")],
            "device": (state.addresses, state.neighbours, state.routes),
            "rules": self.lab.run("r-wifi", ["nft", "list", "ruleset"]).stdout,
            "sysctls": [self.lab.run(role, ["sh", "-c", f"sysctl -a 2>/dev/null | grep -E '{keys}'"
                                            ]).stdout for role, keys in
                        (("client", r"rp_filter|(wifi|all)\.(accept_dad|dad_tr|use_temp)"),
                         ("r-wifi", "tcp_loose"))],
        }

    def index(self):
        shown = self.lab.run("client", ["ip", "-j", "link", "show", "wifi"], check=False).stdout
        return json.loads(shown)[0]["ifindex"] if shown.strip() else None

    def families(self, fault):
        return (fault.family,) if fault.family else (4, 6)

    def test_each_does_what_it_says_and_its_end_puts_all_back(self):
        for name in FAULTS:
            with self.subTest(name):
                before = self.surroundings()
                fault = make(name, self.lab, "wifi")
                fault.begin()
                if name not in ("burst_loss", "stall", "strict_filter"):
                    for family in self.families(fault):
                        self.assertEqual(self.passes(family), fault.path != "dead", family)
                for _ in range(2):
                    fault.end()
                for family in self.families(fault):
                    self.assertTrue(self.passes(family), family)
                self.assertEqual(self.surroundings(), before)

    def test_a_device_that_was_pulled_out_has_another_index_each_time(self):
        seen = {self.index()}
        for _ in range(3):
            with make("device_recreated", self.lab, "wifi"):
                self.assertIsNone(self.index())
            self.assertNotIn(self.index(), seen)
            seen.add(self.index())

    def test_a_nat_that_forgot_cuts_the_connections_that_were_there(self):
        for name in ("nat_rebinding", "nat_timeout"):
            with self.subTest(name):
                transfer = self.lab.popen(
                    "client", [sys.executable, TRAFFIC, "download", self.lab.server4, PORT,
                               "--seconds", "20", "--device", "wifi", "--timeout", "1s"],
                    stdout=subprocess.PIPE, text=True)
                moved = self.lab.link_stats("wifi")["down"]["bytes"]
                self.lab.wait_for(
                    lambda: self.lab.link_stats("wifi")["down"]["bytes"] > moved + 100_000, 5)
                with make(name, self.lab, "wifi"):
                    report = json.loads(transfer.communicate(timeout=10)[0])
                self.assertIn("error", report)


if __name__ == "__main__":
    unittest.main(verbosity=2)
