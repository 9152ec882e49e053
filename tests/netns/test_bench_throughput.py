#!/usr/bin/python3
"""`bench throughput` measures every row for braid, and says what is wrong with a call."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from tunnel import ROOT

from throughput_table import ROWS

BENCH = ROOT / "tests" / "lab" / "bench_throughput.py"
NOT_QUICK = {key for key in ROWS if key.startswith(("tcp-4", "tcp-16"))}
MAY_BE_ZERO = {"udp-64-reordered"}
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
            self.assertGreaterEqual(figure, 0, key)
            self.assertTrue(figure or key in MAY_BE_ZERO, key)
        self.assertLess(runs["memory-client"][0], MOST_MEMORY_MIB)
        self.assertRegex(done.stdout, r"(?m)^TCP, 1 stream up +Gbit/s +\d")
        self.assertRegex(done.stdout, r"(?m)^braid: \d.*, [a-z0-9-]+ by lib")

    def test_a_tunnel_of_single_writes_has_its_figures_too_and_targets_decide(self):
        done = bench("--runs", "1", "--seconds", "1", "--only", "braid,packet-tunnel", "--rows",
                     "single")
        self.assertEqual(done.stdout.count("without GRO: at least 2 x packet-tunnel's: "), 2
                         + done.stdout.count("missed  "), done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1 if "missed  " in done.stdout else 0)

    def test_an_interrupt_ends_it_at_once_and_leaves_nothing(self):
        before = set(os.listdir("/run/netns"))
        child = subprocess.Popen([sys.executable, BENCH, "--quick", "--only", "braid"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        prefix = f"br{child.pid}-"
        deadline = time.monotonic() + 30
        while not self.processes_in(prefix + "client") and time.monotonic() < deadline:
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 130, told)
        self.assertEqual([name for name in set(os.listdir("/run/netns")) - before
                          if name.startswith(prefix)], [])

    @staticmethod
    def processes_in(name):
        return subprocess.run(["ip", "netns", "pids", name], capture_output=True).stdout

    def test_what_is_not_installed_is_named_with_a_remedy(self):
        done = bench("--only", "openvpn-udp,wireguard-go", PATH="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: not installed: iperf3, ethtool, openvpn, openssl, wireguard-go, wg",
                      done.stderr)
        self.assertIn("hint: apt-get install", done.stderr)

    def test_an_unknown_column_is_a_wrong_call(self):
        done = bench("--only", "braid,ipsec")
        self.assertEqual(done.returncode, 2)
        self.assertIn("ipsec", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
