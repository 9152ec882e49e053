#!/usr/bin/python3
"""The demo judges rightly, draws what it should, and leaves nothing behind when interrupted."""

import io
import os
import signal
import subprocess
import sys
import time
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from demo_live import LiveView, UplinkMeter, UplinkNow
from demo_report import Cut, Findings, Speed, checks, table
from netns import NETNS_DIRECTORY, RUNS

DEMO = Path(__file__).with_name("demo.py")
END_TIMEOUT_S = 20

CUT = Cut(uplink="wifi", complete=True, sha256_ok=True, seconds=14.0, received_bytes=100_000_000,
          stall_ms=100.0, stall_at_s=5.0, gap_ms=80.0, gap_at_s=5.0,
          uplink_bytes={"wifi": 70_000_000, "lte": 40_000_000}, carried_again_s=0.4)
GOOD = Findings({"wifi": Speed(46.0, 21.0, True), "lte": Speed(28.0, 71.0, True)},
                Speed(72.0, 21.0, True), CUT)


def failed(found):
    return [number for number, (held, _) in enumerate(checks(found)) if not held]


class Judgement(unittest.TestCase):
    def test_all_holds_when_all_is_well(self):
        self.assertEqual(failed(GOOD), [])

    def test_each_fault_fails_its_check_alone(self):
        slow, spoiled = Speed(62.8, 21.0, True), Speed(72.0, 21.0, False)
        for expected, found in (
            (0, replace(GOOD, bonded=slow)),
            (1, replace(GOOD, bonded=spoiled)),
            (1, replace(GOOD, cut=replace(CUT, sha256_ok=False))),
            (1, replace(GOOD, cut=replace(CUT, complete=False))),
            (2, replace(GOOD, cut=replace(CUT, stall_ms=1000.0))),
            (2, replace(GOOD, cut=replace(CUT, stall_ms=float("inf")))),
            (3, replace(GOOD, cut=replace(CUT, gap_ms=500.0))),
            (4, replace(GOOD, cut=replace(CUT, uplink_bytes={"wifi": 1, "lte": 0}))),
            (5, replace(GOOD, cut=replace(CUT, carried_again_s=None))),
        ):
            self.assertEqual(failed(found), [expected], found)

    def test_the_table_names_what_was_measured(self):
        text = "\n".join(table(GOOD))
        self.assertRegex(text, r"download over both +72\.0 Mbit/s +97 % of the sum of 74\.0")
        self.assertRegex(text, r"carried by lte +40\.0 MB +36 %")
        self.assertRegex(text, r"SHA-256 +equal")
        self.assertNotRegex(text, r"(?m)^ +NO ")

    def test_the_table_can_be_made_when_nothing_arrived(self):
        nothing = Cut("wifi", False, False, 0.0, 0, float("inf"), 0.0, float("inf"), 0.0,
                      {"wifi": 0, "lte": 0}, None)
        none = Speed(0.0, 0.0, False)
        text = "\n".join(table(Findings({"wifi": none, "lte": none}, none, nothing)))
        self.assertRegex(text, r"SHA-256 +NOT equal")


def status(*subflows):
    names = ("wifi", "lte")
    return {"uplinks": [{"interface": name, "state": "active"} for name in names],
            "lanes": [{"subflows": [
                {"uplink": name, "local": local, "remote": "s:1", "rx_bytes": rx, "rtt_us": rtt}
                for name, local, rx, rtt in subflows]}]}


class Meter(unittest.TestCase):
    def test_the_rate_is_that_of_the_last_second(self):
        meter = UplinkMeter()
        for tick in range(10):
            wifi, _ = meter.update(status(("wifi", "w:1", 5000 + tick * 125_000, 20_000)), tick)
        self.assertAlmostEqual(wifi.mbps, 1.0)
        self.assertEqual(wifi.rtt_ms, 20.0)

    def test_bytes_survive_their_subflow_and_a_new_one_adds_to_them(self):
        meter = UplinkMeter()
        meter.update(status(("wifi", "w:1", 100, 1)), 0.0)
        meter.update(status(("wifi", "w:1", 300, 1)), 1.0)
        gone, _ = meter.update(status(), 2.0)
        self.assertEqual((gone.rx_bytes, gone.mbps, gone.rtt_ms), (200, None, None))
        again, _ = meter.update(status(("wifi", "w:2", 50, 1)), 3.0)
        self.assertEqual(again.rx_bytes, 250)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class View(unittest.TestCase):
    UPLINKS = [UplinkNow("wifi", "active", 46.0, 21.0, 1), UplinkNow("lte", "down", None, None, 1)]

    def test_a_terminal_is_redrawn_and_left_with_the_notes_only(self):
        out = Terminal()
        with mock.patch.dict(os.environ, {"TERM": "xterm"}), LiveView(out=out) as view:
            view.show(self.UPLINKS, "1 of 2 MB")
            view.note("wifi is cut")
            view.show(self.UPLINKS, "1 of 2 MB")
        parts = out.getvalue().split("\x1b[3A\x1b[J")
        self.assertEqual(len(parts), 3)
        self.assertRegex(parts[0], r"(?m)^  wifi +active +46\.0 Mbit/s +21 ms RTT +#+$")
        self.assertIn("wifi is cut\n", parts[1])
        self.assertEqual(parts[2], "")

    def test_elsewhere_a_line_comes_once_a_second(self):
        out = io.StringIO()
        with mock.patch("demo_live.time.monotonic") as now, LiveView(out=out) as view:
            view._start, view._next_line = 0.0, 1.0
            for tenth in range(31):
                now.return_value = tenth / 10
                view.show(self.UPLINKS, "1 of 2 MB")
        self.assertEqual(out.getvalue().count("of 2 MB"), 3)
        self.assertNotIn("\x1b", out.getvalue())


class Interrupt(unittest.TestCase):
    """Needs root and the built programs."""

    def interrupted(self, number, heading, delay_s=0.0, times=1):
        """Starts the demo, signals its process group after a heading; yields status and errors."""
        child = subprocess.Popen([sys.executable, DEMO], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
        with child:
            try:
                for line in child.stdout:
                    if heading in line:
                        break
                time.sleep(delay_s)
                for _ in range(times):
                    os.killpg(child.pid, number)
                    time.sleep(0.05)
                _, errors = child.communicate(timeout=END_TIMEOUT_S)
            finally:
                child.kill()
        self.assertEqual(self.leftovers(child.pid), [], heading)
        return child.returncode, errors

    def leftovers(self, pid):
        prefix = f"br{pid}"
        found = [*NETNS_DIRECTORY.glob(prefix + "*"), *RUNS.glob(prefix + "*")]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found += [path] if f"{prefix}-".encode() in path.read_bytes() else []
            except OSError:
                continue  # it has just ended
        return found

    def test_ctrl_c_at_any_step_leaves_nothing(self):
        for heading, delay_s in (("Ctrl-C ends", 0), ("Ctrl-C ends", 0.05), ("Keys", 0),
                                 ("Each time", 0.1), ("Each time", 3), ("wifi is cut", 0.5),
                                 ("Stopping", 0.02)):
            with self.subTest(heading=heading, delay_s=delay_s):
                status_, errors = self.interrupted(signal.SIGINT, heading, delay_s)
                self.assertEqual(status_, 130, errors)
                self.assertEqual(errors, "demo: interrupted\n")

    def test_impatient_ctrl_c_leaves_nothing(self):
        status_, errors = self.interrupted(signal.SIGINT, "Each time", 1, times=5)
        self.assertNotEqual(status_, 0)
        self.assertNotIn("Traceback", errors)

    def test_sigterm_leaves_nothing(self):
        status_, errors = self.interrupted(signal.SIGTERM, "Each time", 1)
        self.assertEqual((status_, errors), (143, ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
