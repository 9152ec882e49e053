#!/usr/bin/python3
"""`bench links` fills its table for braid, and says what is wrong with a call."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tunnel import ROOT

BENCH = ROOT / "tests" / "lab" / "bench_links.py"
OWN = "braid,braid-first,braid-second,udp"
PAIR = "10"  # 50M 20 + 12M 20
LEAST_SHARE = 0.3  # of a line's rate: it has hardly begun after a second


def bench(*words):
    return subprocess.run([sys.executable, BENCH, *words], capture_output=True, text=True,
                          timeout=500)


class BenchLinks(unittest.TestCase):
    def test_a_quick_run_fills_the_table(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "figures.json"
            done = bench("--quick", "--only", OWN, "--json", file)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads(file.read_text())
        self.assertEqual(found["failures"], [])
        runs = {(*each["row"], each["column"]): each["runs"][0] for each in found["figures"]}
        pairs = found["options"]["pairs"]
        wanted = {(pair, "tcp", column) for pair in pairs
                  for column in ("braid", "braid-first", "braid-second")}
        wanted |= {(pair, key, "braid") for pair in pairs
                   for key in ("udp", "udp-lost", "udp-reordered")}
        self.assertEqual(set(runs), wanted)
        first, second = (runs[PAIR, "tcp", f"braid-{each}"] for each in ("first", "second"))
        self.assertTrue(50 * LEAST_SHARE < first < 55 and 12 * LEAST_SHARE < second < 14, runs)
        self.assertLess(runs[PAIR, "udp", "braid"], 64)
        self.assertRegex(done.stdout, r"(?m)^10 +50M 20 \+ 12M 20 +\d")

    def test_datagrams_need_what_the_lines_bring_alone(self):
        done = bench("--only", "braid,udp")
        self.assertEqual(done.returncode, 2)
        self.assertIn("udp needs braid, braid-first, braid-second", done.stderr)

    def test_an_unknown_pair_is_a_wrong_call(self):
        done = bench("--pairs", "1,17")
        self.assertEqual(done.returncode, 2)
        self.assertIn("17", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
