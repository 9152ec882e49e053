#!/usr/bin/python3
"""`bench latency` fills its table for braid, and says what is wrong with a call."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tunnel import ROOT

from latency_scenarios import SCENARIOS
from latency_table import PINGS, VOICE

BENCH = ROOT / "tests" / "lab" / "bench_latency.py"


def bench(*words, **environment):
    return subprocess.run([sys.executable, BENCH, *words], capture_output=True, text=True,
                          timeout=500, env={**os.environ, **environment})


class BenchLatency(unittest.TestCase):
    def test_a_quick_run_fills_every_scenario_of_braid(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "figures.json"
            done = bench("--quick", "--only", "braid,braid-second", "--json", file)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads(file.read_text())
        self.assertEqual(found["failures"], [])
        runs = {(*each["row"], each["column"]): each["runs"] for each in found["figures"]}
        self.assertEqual(set(runs), self.expected())
        for (name, key, _), (figure,) in runs.items():
            self.assertGreaterEqual(figure, 0, (name, key))
            if key in (*PINGS, "goodput"):
                self.assertTrue(figure, (name, key))
        # No ping is faster than the links: over the better one, and over the second alone.
        self.assertGreater(runs["one-down", "idle-p50", "braid"][0], 20)
        self.assertGreater(runs["pair-1-down", "idle-p50", "braid-second"][0], 70)
        self.assertRegex(done.stdout, r"(?m)^pair-8-up +braid, second alone( +[\d.]+){6} +-")

    @staticmethod
    def expected():
        keys = set()
        for scenario in SCENARIOS.values():
            loaded = (*PINGS, "goodput") if scenario.loaded else ()
            keys |= {(scenario.name, key, column) for key in (*loaded, *VOICE)
                     for column in ("braid", "braid-second") if scenario.compares(column)}
        return keys

    def test_targets_decide_about_the_exit_status(self):
        done = bench("--runs", "1", "--seconds", "1", "--only", "braid", "--rows", "one-up")
        self.assertIn("Targets, by medians:", done.stdout, done.stderr)
        self.assertEqual(done.returncode, 1 if "missed  " in done.stdout else 0)

    def test_what_is_not_installed_is_named_with_a_remedy(self):
        done = bench("--only", "mptcp,openvpn", PATH="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: not installed: iperf3, mptcpize, openvpn, openssl", done.stderr)
        self.assertIn("hint: apt-get install", done.stderr)

    def test_an_unknown_scenario_is_a_wrong_call(self):
        done = bench("--rows", "one-up,three")
        self.assertEqual(done.returncode, 2)
        self.assertIn("three", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
