#!/usr/bin/python3
"""The parts of `bench throughput` that need no lab: the search for a rate, reports, the table,
targets, and whether other programs are noticed."""

import json
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cable import shaper
from datagram_rate import read_reports
from figures import judge, number, percentile
from iperf import read_transfer
from lab import LabError
from process_usage import Others
from rate_search import PRECISION, RateSearch
from throughput_table import ROWS, Table
from throughput_targets import targets


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

    def test_an_offer_that_fails_once_is_made_again(self):
        found = RateSearch(100, 0.01)
        found.note(100, 100, 90, 0.1)
        self.assertEqual(found.offer(), 100)
        self.assertTrue(found.note(100, 100, 100, 0))
        self.assertGreater(found.offer(), 100)
        for _ in range(2):
            self.assertFalse(found.note(160, 160, 90, 0.4))
        self.assertLess(found.offer(), 160)

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

    def test_a_failed_test_says_why(self):
        failed = json.dumps({"end": {}, "error": "unable to connect"})
        for text, reason in ((failed, "unable to connect"), ("", "no report"),
                             (json.dumps({"end": {}}), "without what arrived")):
            with self.assertRaisesRegex(LabError, reason):
                read_transfer(text)

    def test_datagrams_that_never_came_are_lost(self):
        found = read_reports('{"sent": 1000, "seconds": 2}',
                             'listening\n{"received": 751, "reordered": 3, "seconds": 1.5}\n')
        self.assertEqual((found.sent, found.arrived), (500, 500))
        self.assertAlmostEqual(found.loss, 0.249)
        self.assertAlmostEqual(found.reordered, 3 / 751)

    def test_datagrams_of_the_warm_up_are_neither_sent_nor_lost(self):
        found = read_reports('{"sent": 1000, "seconds": 2}',
                             'listening\n{"received": 300, "reordered": 0, "seconds": 1}\n', 600)
        self.assertAlmostEqual(found.loss, 0.25)

    def test_nothing_arrived_is_all_lost(self):
        found = read_reports('{"sent": 9, "seconds": 1}',
                             'listening\n{"received": 0, "reordered": 0, "seconds": 0}')
        self.assertEqual((found.arrived, found.loss, found.reordered), (0, 1, 0))

    def test_a_meter_that_failed_is_quoted(self):
        with self.assertRaisesRegex(LabError, "bind: Address already in use"):
            read_reports('{"sent": 9, "seconds": 1}', "meter: bind: Address already in use")


class TheTable(unittest.TestCase):
    def setUp(self):
        self.table = Table(columns={"raw-mptcp": ("raw", "MPTCP"), "braid": ("braid", "")})
        for raw, own in ((1.0, 4.0), (12.0, 6.0), (2.0, 5.0)):
            self.table.add_all("raw-mptcp", {"tcp-1-up": raw})
            self.table.add_all("braid", {"tcp-1-up": own, "cpu-up-client": None})

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

    def test_columns_are_as_wide_as_they_need(self):
        first, *_, last = self.table.block("direct")[1:-1]
        self.assertEqual(first.index("braid") + len("braid"), len(last))

    def test_versions_and_ciphers_are_told(self):
        self.table.about["braid"] = "0.1.0, aes-256-gcm by libcrypto 3.0.19"
        self.assertIn("braid: 0.1.0, aes-256-gcm by libcrypto 3.0.19", self.table.text())

    def test_an_unknown_row_is_a_mistake(self):
        with self.assertRaises(KeyError):
            self.table.add_all("braid", {"tcp-2-up": 1.0})

    def test_json_has_every_run(self):
        row = next(row for row in self.table.as_json()["rows"] if row["row"] == "tcp-1-up")
        self.assertEqual(row["columns"]["braid"], {"median": 5.0, "runs": [4.0, 6.0, 5.0]})


class Targets(unittest.TestCase):
    def judged(self, figures, shaped=0, cipher="aes-256-gcm"):
        """`figures`: by (row, column)."""
        table = Table()
        for (key, column), figure in figures.items():
            table.add_all(column, {key: figure})
        return judge(table, targets(shaped, cipher))

    def test_every_target_is_about_rows_that_there_are(self):
        for target in targets(0, "aes-256-gcm") + targets(1000, None):
            self.assertIn(target.key, ROWS)
            self.assertTrue(not target.other or target.other[0] in ROWS)
            self.assertIn(": at ", target.text())

    def test_speed_is_judged_beside_each_other_tunnel(self):
        lines, misses = self.judged({("tcp-1-up", "braid"): 7.0, ("tcp-1-up", "openvpn-udp"): 1.0,
                                     ("tcp-1-up", "openvpn-tcp-9000"): 5.0,
                                     ("tcp-1-up", "wireguard-go"): 1.0})
        self.assertEqual(len(lines), 3)
        self.assertEqual(misses, ["TCP, 1 stream up: at least 10 x wireguard-go's: 7.00"])

    def test_forwarded_is_judged_beside_direct_and_single_packets_beside_a_write_for_each(self):
        lines, misses = self.judged({
            ("tcp-1-down", "braid"): 10.0, ("forwarded-tcp-1-down", "braid"): 7.9,
            ("single-tcp-1-down", "braid"): 4.0, ("single-tcp-1-down", "packet-tunnel"): 2.0})
        self.assertEqual(len(lines), 2)
        self.assertEqual(len(misses), 1)
        self.assertRegex(misses[0], "forwarded: at least 0.8 x .*, direct: 0.79")

    def test_cpu_time_counts_with_the_cipher_that_the_target_is_about(self):
        figures = {("cpu-up-client", "braid"): 0.6, ("memory-client", "braid"): 64}
        self.assertEqual(len(self.judged(figures)[1]), 1)
        lines, misses = self.judged(figures, cipher="chacha20-poly1305")
        self.assertEqual((len(lines), misses), (1, []))

    def test_on_a_shaped_cable_only_raw_mptcp_counts(self):
        lines, misses = self.judged({("tcp-1-up", "braid"): 0.96, ("tcp-1-up", "raw-mptcp"): 1.0,
                                     ("tcp-1-down", "braid"): 0.98,
                                     ("tcp-1-down", "raw-mptcp"): 1.0}, shaped=1000)
        self.assertEqual((len(lines), len(misses)), (2, 1))


class Usage(unittest.TestCase):
    class NoLab:
        roles = ()

    def test_a_program_that_is_not_of_the_lab_is_noticed(self):
        with Others(self.NoLab) as others:
            # Its parent ends at once, so that it is not ours.
            subprocess.run(["sh", "-c", "timeout 1 sh -c 'while :; do :; done' >/dev/null 2>&1 &"])
            time.sleep(1.2)
        self.assertGreater(others.share, 0.1 / os.cpu_count())


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
