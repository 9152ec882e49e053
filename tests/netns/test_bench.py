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

import radio_traces
from bench_runs import RunResult
from bench_table import Row
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


class Targets(unittest.TestCase):
    def misses(self, fault, load, gap, back_s=0.5, gap_back=20, runs=20):
        row = Row(fault, load)
        fine = RunResult({"tcp_up": 30}, {"tcp_up": 20}, 0.1)
        # One run of twenty may be worse than p95; two may not.
        worse = RunResult({"tcp_up": 30, "udp_down": gap}, {"tcp_up": gap_back}, back_s)
        row.cells["braid"].runs = [fine] * (runs - 2) + [worse] * 2
        return row.misses()

    def test_each_kind_of_fault_has_its_own_target(self):
        self.assertEqual(self.misses("link_down", "idle", 50), [])
        self.assertEqual(len(self.misses("link_down", "idle", 51)), 1)
        self.assertEqual(self.misses("blackhole", "upload", 100), [])
        self.assertEqual(len(self.misses("blackhole", "upload", 101)), 1)
        self.assertEqual(self.misses("none", "idle", 1000), [])

    def test_an_uplink_has_to_come_back_soon_and_gently(self):
        self.assertEqual(len(self.misses("gone", "idle", 40, back_s=1.1)), 1)
        self.assertEqual(len(self.misses("gone", "idle", 40, back_s=None)), 1)
        self.assertEqual(len(self.misses("gone", "idle", 40, gap_back=51)), 1)


class RadioTraces(unittest.TestCase):
    def test_a_stalling_radio_holds_packets_for_50_to_400_ms_and_else_keeps_its_rate(self):
        times = [int(line) for line in radio_traces.stalling(1, 60_000, 48).split()]
        holes = [after - before for before, after in zip(times, times[1:]) if after - before > 1]
        self.assertGreater(len(holes), 60 / 5.4 - 1)
        self.assertTrue(all(50 <= hole <= 401 for hole in holes), holes)
        running_s = 60 - sum(holes) / 1000
        self.assertAlmostEqual(len(times) * 12e-3 / running_s, 48, delta=0.5)

    def test_the_same_seed_makes_the_same_radio(self):
        self.assertEqual(radio_traces.cellular(7, 5000), radio_traces.cellular(7, 5000))
        self.assertNotEqual(radio_traces.cellular(7, 5000), radio_traces.cellular(8, 5000))


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
