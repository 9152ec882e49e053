#!/usr/bin/python3
"""The parts of `bench latency` and `bench links` that need no lab: lines, what pings and voice
tell, tables and targets."""

import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bonded_columns import Braid, OpenVpnMptcp
from figures import judge
from latency_scenarios import PAIR, SCENARIOS
from latency_table import (PINGS, UNANSWERED_MS, VOICE, Arrival, LatencyFigures, ping_figures,
                           read_arrivals, voice_figures, worst)
from latency_table import targets as latency_targets
from line import Line
from link_pairs import PAIRS, warm_up_s
from links_table import LinksFigures
from links_table import targets as links_targets


class Lines(unittest.TestCase):
    def test_a_line_is_read_from_its_text(self):
        for text, line in (("50M 20", Line(50, 50, 20)), ("50M 20±5", Line(50, 50, 20, 5)),
                           ("20M 50±20 2%", Line(20, 20, 50, 20, 2)),
                           ("40M 35 0.5%", Line(40, 40, 35, 0, 0.5))):
            self.assertEqual(Line.parse(text), line)
        for text in ("", "50 20", "50M", "50M 20ms", "50M 20 0.5"):
            with self.assertRaises(ValueError):
                Line.parse(text)

    def test_each_direction_has_its_rate_and_every_setting_is_given(self):
        line = Line(50, 20, 10, 2, 0.5, queue_ms=1000)
        self.assertEqual(line.settings("down"), {"rate": "50M", "delay": "10ms", "jitter": "2ms",
                                                 "loss": "0.5%", "queue": "1000ms"})
        self.assertEqual(line.settings("up")["rate"], "20M")
        self.assertEqual(line.longest_ms, 12)

    def test_there_are_sixteen_pairs_of_two_lines(self):
        self.assertEqual(list(PAIRS), [str(number) for number in range(1, 17)])
        self.assertEqual(PAIRS["7"].lines, (Line(50, 50, 20, 20),) * 2)
        self.assertEqual(PAIRS["13"].lines, (Line(300, 300, 8), Line(30, 30, 40, 8, 0.5)))

    def test_a_longer_round_trip_needs_a_longer_warm_up(self):
        self.assertEqual([warm_up_s(PAIRS[pair].lines, 3) for pair in ("1", "5")], [4, 10])
        self.assertEqual(warm_up_s(PAIRS["5"].lines[:1], 3), 4)


def arrivals(ups, downs=None):
    """Of messages with these delays, sent 20 ms apart."""
    return [Arrival(number, 20 * number, 20 * number + up + down, 20 * number + up)
            for number, (up, down) in enumerate(zip(ups, downs or [10] * len(ups)))]


class Meters(unittest.TestCase):
    def test_a_record_is_read_in_ms_and_the_first_copy_of_a_message_counts(self):
        found = read_arrivals("0 1000000 31000000 11000000\n1 2000000 9000000 0\n"
                              "0 1000000 99000000 50000000\n")
        self.assertEqual(found, [Arrival(0, 1, 31, 11), Arrival(1, 2, 9, 0)])

    def test_a_ping_without_an_answer_took_longest(self):
        found = ping_figures(arrivals([10] * 95), sent=100, shares=(50, 95, 99))
        self.assertEqual(found, {"p50": 20, "p95": 20, "p99": UNANSWERED_MS})
        self.assertEqual(ping_figures([], 3, (50,), "idle-"), {"idle-p50": UNANSWERED_MS})

    def test_jitter_is_of_the_worse_way_above_its_earliest(self):
        found = voice_figures(arrivals([30] * 10, [50] * 5 + [57] * 5), sent=10, usual_ms=60)
        self.assertEqual((found["voice-p50"], found["voice-p99"], found["voice-max"]), (0, 7, 7))
        self.assertEqual((found["voice-lost"], found["voice-late"]), (0, 0))

    def test_a_packet_is_late_by_what_the_slower_line_takes_whatever_others_took(self):
        found = voice_figures(arrivals([10, 35, 56, 10, 10], [10, 10, 10, 10, 80]), 7, usual_ms=35)
        self.assertEqual((found["voice-lost"], found["voice-late"]), (2, 2))

    def test_nothing_arrived_is_all_lost_and_has_no_jitter(self):
        self.assertEqual(voice_figures([], 50, 10), {"voice-lost": 50, "voice-late": 0})

    def test_streams_together_have_all_losses_and_the_longest_times(self):
        lost = {"voice-lost": 50, "voice-late": 0}
        some = {"voice-lost": 1, "voice-late": 2, "voice-p50": 1, "voice-p99": 5, "voice-max": 9}
        self.assertEqual(worst([some, lost, {**some, "voice-max": 11}]),
                         {**some, "voice-lost": 52, "voice-late": 4, "voice-max": 11})


class Latency(unittest.TestCase):
    def judged(self, name, figures):
        """`figures`: by column, then by key."""
        table = LatencyFigures()
        for column, found in figures.items():
            table.add_all(name, column, found)
        return judge(table, latency_targets([SCENARIOS[name]]))

    def test_scenarios_are_those_with_load_and_one_without(self):
        self.assertEqual([each.name for each in SCENARIOS.values() if not each.loaded],
                         ["blackhole"])
        self.assertEqual({each.lines for each in SCENARIOS.values() if each.least_of_sum}, {PAIR})

    def test_one_line_is_compared_with_its_own_idle_tunnel(self):
        fine = {"idle-p95": 21, "p95": 31, "goodput": 95, "voice-p99": 10, "voice-lost": 0}
        lines, misses = self.judged("one-down", {"braid": fine, "mptcp": {"goodput": 100,
                                                                          "idle-p95": 1}})
        self.assertEqual((len(lines), misses), (4, []))
        worse = {"idle-p95": 21, "p95": 32, "goodput": 94, "voice-p99": 10.1, "voice-lost": 1}
        _, misses = self.judged("one-down", {"braid": worse, "mptcp": {"goodput": 100}})
        self.assertEqual(len(misses), 4)
        self.assertEqual(self.judged("one-both", {"braid": {"idle-p95": 21, "p95": 51}})[1], [])

    def test_two_lines_are_compared_with_the_better_line_and_with_both_alone(self):
        figures = {"braid": {"idle-p95": 46, "p95": 41, "goodput": 70}, "mptcp": {"idle-p95": 20},
                   "braid-first": {"goodput": 50}, "braid-second": {"goodput": 30}}
        lines, misses = self.judged("pair-8-up", figures)
        self.assertEqual(len(lines), 2)
        self.assertEqual(len(misses), 2)
        self.assertRegex(misses[0], "above the better line's idle p95, ms: at most 20: 21")
        self.assertRegex(misses[1], "single lines' sum: at least 0.9: 0.875")
        del figures["braid-second"]
        self.assertEqual(len(self.judged("pair-8-up", figures)[0]), 1)

    def test_a_blackhole_may_cost_no_packet_in_any_run(self):
        table = LatencyFigures()
        for lost in (0, 0, 1):
            table.add_all("blackhole", "braid", {"voice-lost": lost, "voice-late": 0})
        lines, misses = judge(table, latency_targets([SCENARIOS["blackhole"]]))
        self.assertEqual(len(lines), 2)
        self.assertEqual(misses, ["blackhole: voice, packets lost in all runs: at most 0: 1.00"])

    def test_the_table_has_a_line_for_each_column_that_was_measured(self):
        table = LatencyFigures()
        table.add_all("one-up", "mptcp", {"goodput": 50.0})
        table.add_all("one-up", "braid", {**dict.fromkeys(PINGS, 5), **dict.fromkeys(VOICE, 2),
                                          "goodput": 48.0})
        text = table.text(("one-up", "one-down"), {"braid": "braid", "mptcp": "plain MPTCP",
                                                   "openvpn": "OpenVPN"})
        self.assertRegex(text, r"(?m)^one-up +braid( +5\.0){5} +48\.0 +96( +2\.0){3} +2 +2$")
        self.assertRegex(text, r"(?m)^one-up +plain MPTCP( +-){5} +50\.0 +100( +-){5}$")
        self.assertNotIn("OpenVPN\n", text)
        self.assertNotIn("one-down", text)

    def test_lines_alone_are_columns_only_where_they_say_something(self):
        for column, wanted in (("braid", set(SCENARIOS)), ("braid-second", {
                "pair-1-down", "pair-1-up", "pair-8-down", "pair-8-up"})):
            self.assertEqual({name for name, scenario in SCENARIOS.items()
                              if scenario.compares(column)}, wanted)
        for name, wanted in (("one-up", False), ("bloat-up", True), ("blackhole", False)):
            self.assertEqual(SCENARIOS[name].compares("braid-first"), wanted)


class Columns(unittest.TestCase):
    class Stuck:
        def finish(self):
            raise subprocess.TimeoutExpired("iperf3", 30)

    def test_a_transfer_that_never_ends_is_a_figure_of_openvpn_but_a_failure_of_braid(self):
        openvpn, braid = (object.__new__(kind) for kind in (OpenVpnMptcp, Braid))  # without a lab
        self.assertEqual(openvpn.finish_tcp(self.Stuck()), 0)
        self.assertRaises(subprocess.TimeoutExpired, braid.finish_tcp, self.Stuck())


class Links(unittest.TestCase):
    def figures(self, braid, first, second, mptcp, lost=0.0, reordered=(0,)):
        figures = LinksFigures()
        for column, goodput in (("braid", braid), ("braid-first", first), ("mptcp", mptcp),
                                ("braid-second", second)):
            figures.add(("5", "tcp"), column, goodput)
        figures.add(("5", "udp-lost"), "braid", lost)
        for share in reordered:
            figures.add(("5", "udp-reordered"), "braid", share)
        return figures

    def missed(self, *words, **more):
        return judge(self.figures(*words, **more), links_targets({"5": "50M 20 + 50M 320"}))[1]

    def test_both_lines_bring_at_least_the_better_one_and_almost_what_the_kernel_does(self):
        self.assertEqual(self.missed(95, 50, 30, 100), [])
        self.assertEqual(self.missed(49.6, 50, 30, 40), [])
        self.assertRegex(self.missed(49.4, 50, 30, 40)[0], "better line's alone.*: 0.988")
        self.assertRegex(self.missed(94, 50, 30, 100)[0], "plain MPTCP's.*: 0.94")

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(self.missed(40, 50, None, 41), [])
        self.assertEqual(len(self.missed(40, 50, None, 50)), 1)

    def test_datagrams_keep_their_order_in_every_run_and_are_hardly_lost(self):
        self.assertEqual(self.missed(90, 50, 50, 90, lost=0.5), [])
        self.assertEqual(len(self.missed(90, 50, 50, 90, lost=0.6)), 1)
        self.assertEqual(len(self.missed(90, 50, 50, 90, reordered=(0, 0, 0.1))), 1)

    def test_the_table_compares_with_the_better_the_kernel_and_the_sum(self):
        text = self.figures(60.0, 50.0, 30.0, 66.0).text({"5": "50M 20 + 50M 320"})
        self.assertRegex(text, r"(?m)^5 +50M 20 \+ 50M 320 +50\.0 +30\.0 +80\.0 +66\.0 +- +60\.0"
                               r" +120 +91 +75 +- +0 +0$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
