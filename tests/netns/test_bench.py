#!/usr/bin/python3
"""`bench failover` measures: each stream of each run has a figure, and the table shows them."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tunnel import ROOT

from traffic_twoway import STREAMS, longest_gap_ns

MOST_GAP_MS = 3000
FAULTS = ("link_down", "gone")


class LongestGap(unittest.TestCase):
    def test_a_gap_counts_where_it_reaches_into_the_window(self):
        for times, gap in (([0, 10, 20, 50, 60], 30),  # inside
                           ([0, 45, 50], 45),  # begun before it
                           ([0, 10, 20], 40),  # still open at its end
                           ([90], 50),  # nothing arrived
                           ([], 50)):
            self.assertEqual(longest_gap_ns(times, 10, 60), gap, times)


class BenchFailover(unittest.TestCase):
    def test_a_run_of_two_faults_has_a_figure_for_every_stream(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = Path(folder) / "figures.json"
            words = [word for fault in FAULTS for word in ("--fault", fault)]
            done = subprocess.run(
                [sys.executable, ROOT / "tests" / "lab" / "bench_failover.py", "--runs", "1",
                 "--load", "idle", "--no-targets", "--json", figures, *words],
                stdout=subprocess.PIPE, text=True, timeout=120, env=os.environ)
            self.assertEqual(done.returncode, 0)
            rows = json.loads(figures.read_text())
        self.assertEqual([row["fault"] for row in rows], list(FAULTS))
        for row in rows:
            self.check_row(row, done.stdout)

    def check_row(self, row, printed):
        self.assertRegex(printed, rf"(?m)^{row['fault']} +idle +1 +\d")
        for column, streams in (("braid", STREAMS), ("kernel", ("tcp_down", "tcp_up"))):
            run, = row[column]["runs"]
            self.assertEqual(sorted(run["gaps"]), sorted(streams))
            # A stream of a message every 10 ms has no shorter gap than that.
            for gap in run["gaps"].values():
                self.assertGreater(gap, 9)
                self.assertLess(gap, MOST_GAP_MS)
        back, = row["braid"]["runs"]
        self.assertIsNotNone(back["back_s"], row)


if __name__ == "__main__":
    unittest.main(verbosity=2)
