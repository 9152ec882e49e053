#!/usr/bin/python3
"""`bench throughput` measures every row for braid, and says what is wrong with a call."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tunnel import ROOT

from throughput_table import ROWS

BENCH = ROOT / "tests" / "lab" / "bench_throughput.py"
NOT_QUICK = {key for key in ROWS if key.startswith(("tcp-4", "tcp-16"))}
MOST_MEMORY_MIB = 1024  # a sanitizer's build needs a lot


def bench(*words, **environment):
    return subprocess.run([sys.executable, BENCH, *words], capture_output=True, text=True,
                          timeout=240, env={**os.environ, **environment})


class BenchThroughput(unittest.TestCase):
    def test_a_quick_run_fills_every_row_of_braid(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = Path(folder) / "figures.json"
            done = bench("--quick", "--only", "braid", "--json", figures)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads(figures.read_text())
        runs = {row["row"]: row["columns"]["braid"]["runs"] for row in found["rows"]
                if row["columns"]}
        self.assertEqual(set(runs), set(ROWS) - NOT_QUICK)
        for key, (figure,) in runs.items():
            self.assertGreater(figure, 0, key)
        self.assertLess(runs["memory-client"][0], MOST_MEMORY_MIB)
        self.assertRegex(done.stdout, r"(?m)^TCP, 1 stream up +Gbit/s +\d")

    def test_what_is_not_installed_is_named_with_a_remedy(self):
        done = bench("--only", "openvpn-udp,wireguard-go", PATH="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: not installed: iperf3, openvpn, openssl, wireguard-go, wg",
                      done.stderr)
        self.assertIn("hint: apt-get install", done.stderr)

    def test_an_unknown_column_is_a_wrong_call(self):
        done = bench("--only", "braid,ipsec")
        self.assertEqual(done.returncode, 2)
        self.assertIn("ipsec", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
