#!/usr/bin/python3
"""The pure parts of `bench throughput`: the search for a rate, reports of iperf3, the table."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cable import shaper
from iperf import read_datagrams, read_transfer
from lab import LabError
from rate_search import PRECISION, RateSearch
from throughput_table import Table, number, percentile


def search(start, ceiling, most_sent=float("inf"), most_trials=20):
    """Runs a search against a path that carries `ceiling` and loses what is more; yields it and
    the offers."""
    found, offers = RateSearch(start, 0.01, most_trials), []
    while (offer := found.offer()) is not None:
        sent = min(offer, most_sent)
        found.note(offer, sent, min(sent, ceiling), max(0, 1 - ceiling / sent))
        offers.append(offer)
    return found, offers


class Search(unittest.TestCase):
    def test_it_ends_near_the_ceiling_from_below_and_from_above(self):
        for start in (1, 90, 110, 10_000):
            found, offers = search(start, 100)
            self.assertLessEqual(found.best, 100.0)
            self.assertGreater(found.best, 100 / PRECISION / 1.01, offers)

    def test_a_sender_that_cannot_send_more_ends_the_rise_and_counts(self):
        found, offers = search(10, 1000, most_sent=100)
        self.assertEqual(found.best, 100)
        self.assertLess(max(offers), 200)

    def test_it_has_a_bound(self):
        found, offers = search(1, 0.0001, most_trials=6)
        self.assertEqual(len(offers), 6)
        self.assertIsNone(found.best)

    def test_a_little_loss_is_allowed(self):
        found = RateSearch(100, 0.01)
        found.note(100, 100, 99.5, 0.005)
        self.assertEqual(found.best, 99.5)
        self.assertGreater(found.offer(), 100)


class Reports(unittest.TestCase):
    def test_both_ways_are_added(self):
        one, other = ({"bytes": b, "bits_per_second": 8.0 * b} for b in (100, 50))
        text = json.dumps({"end": {"sum_received": one, "sum_received_bidir_reverse": other}})
        transfer = read_transfer(text)
        self.assertEqual((transfer.bytes, transfer.bit_s), (150, 1200))

    def test_the_receivers_share_of_lost_datagrams_counts(self):
        text = json.dumps({"end": {"sum_sent": {"bits_per_second": 100.0},
                                   "sum_received": {"bits_per_second": 75.0, "packets": 8,
                                                    "lost_packets": 2}}})
        result = read_datagrams(text)
        self.assertEqual((result.sent_bit_s, result.arrived_bit_s, result.loss), (100, 75, 0.25))

    def test_nothing_arrived_is_all_lost(self):
        text = json.dumps({"end": {"sum_sent": {"bits_per_second": 100.0},
                                   "sum_received": {"bits_per_second": 0.0, "packets": 0,
                                                    "lost_packets": 0}}})
        self.assertEqual(read_datagrams(text).loss, 1.0)

    def test_a_failed_test_says_why(self):
        failed = json.dumps({"end": {}, "error": "unable to connect"})
        for text, reason in ((failed, "unable to connect"), ("", "no report"),
                             (json.dumps({"end": {}}), "without what arrived")):
            for read in (read_transfer, read_datagrams):
                with self.assertRaisesRegex(LabError, reason):
                    read(text)


class TheTable(unittest.TestCase):
    def setUp(self):
        self.table = Table({"raw-mptcp": ("raw", "MPTCP"), "braid": ("braid", "")})
        for raw, own in ((1.0, 4.0), (12.0, 6.0), (2.0, 5.0)):
            self.table.add("raw-mptcp", {"tcp-1-up": raw})
            self.table.add("braid", {"tcp-1-up": own, "cpu-up-client": None})

    def test_a_cell_is_the_median_with_the_best_for_raw_mptcp(self):
        self.assertEqual(self.table.cell("tcp-1-up", "raw-mptcp"), "2.00 (12.0)")
        self.assertEqual(self.table.cell("tcp-1-up", "braid"), "5.00")
        self.assertEqual(self.table.cell("tcp-1-down", "braid"), "-")

    def test_only_rows_and_blocks_that_were_measured_are_shown(self):
        text = self.table.text()
        self.assertRegex(text, r"(?m)^TCP, 1 stream up +Gbit/s +2\.00 \(12\.0\) +5\.00$")
        self.assertNotIn("CPU of", text)
        self.assertNotIn("forwarded", text)
        self.assertIn("braid, 1 stream up: 2.50 x raw-mptcp", text)

    def test_failures_and_disturbed_measurements_are_told(self):
        self.table.measured, self.table.disturbed = 7, 3
        self.table.failures.append("braid, TCP 1 up: it broke")
        text = self.table.text()
        self.assertIn("3 of 7 measurements", text)
        self.assertIn("  braid, TCP 1 up: it broke", text)

    def test_an_unknown_row_is_a_mistake(self):
        with self.assertRaises(KeyError):
            self.table.add("braid", {"tcp-2-up": 1.0})

    def test_json_has_every_run(self):
        row = next(row for row in self.table.as_json()["rows"] if row["row"] == "tcp-1-up")
        self.assertEqual(row["columns"]["braid"], {"median": 5.0, "runs": [4.0, 6.0, 5.0]})


class Numbers(unittest.TestCase):
    def test_digits(self):
        for value, text in ((None, "-"), (0, "0"), (0.0123, "0.0123"), (0.5, "0.5"), (1, "1.00"),
                            (12.34, "12.3"), (123.4, "123"), (12345.6, "12346")):
            self.assertEqual(number(value), text)

    def test_percentiles_are_by_nearest_rank(self):
        values = range(1, 101)
        self.assertEqual([percentile(values, share) for share in (0, 50, 99, 100)],
                         [1, 50, 99, 100])
        self.assertEqual(percentile([7], 99), 7)
        self.assertIsNone(percentile([], 50))

    def test_a_shaper_can_be_filled_at_any_rate(self):
        self.assertEqual(shaper(1000), ["tbf", "rate", "1000mbit", "burst", "250000",
                                        "latency", "100ms"])
        self.assertIn("16000", shaper(10))


if __name__ == "__main__":
    unittest.main(verbosity=2)
