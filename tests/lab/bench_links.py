#!/usr/bin/python3
"""What two unequal uplinks carry together through braid, beside each alone and plain MPTCP.

Each of --runs runs goes through all pairs of lines and in them all columns, one after the other. A
figure is what one TCP stream from server to client brings in steady state: the first 4 s and 10
round trips do not count. A line that stands in several pairs is measured alone once in a run. `udp`
is a steady stream of datagrams (1200 bytes) down through braid over both lines, at 80 % of what the
lines brought alone in the same run, and what of it is lost or comes out of order.

50M 20±5 0.5% is a line of 50 Mbit/s each way with 20 ms one-way delay, uniform jitter of 5 ms that
keeps the order, and 0.5 % random losses each way; its buffers take 100 ms.

Exit status: 0 all targets whose figures were measured are met, 1 not, or something could not be
measured, 2 usage, 5 not permitted, 130 interrupted.
"""

import argparse
import sys

from bonded_columns import COLUMNS, PACKAGES, bonded_lab, conditions, programs_of, set_lines
from link_pairs import PAIRS, warm_up_s
from links_table import ALONE, OWN, UDP, UDP_SHARE, LinksFigures, targets

from bench_program import (add_comparison, if_installed, measure, names_of, outcome,
                           read_comparison, run_as_root, save, show_progress)
from datagram_rate import send_datagrams
from lab import LabError

SECONDS = 5
USUAL = (*ALONE, "mptcp", OWN, UDP)
QUICK_PAIRS = ("1", "10", "12")
QUICK_WARM_UP_S = 1
WARM_UP_S = 4      # less, and MPTCP still delivers what it had to hold back in the beginning
UDP_WARM_UP_S = 2  # of a tunnel that has just been full
UDP_SECONDS = 3
UDP_BYTES = 1200
UDP_SETTLE_S = 2  # beyond that a datagram counts as lost
UDP_SENDER = ("chrt", "-f", "1")  # else a busy machine makes the stream slower than it should be


class PairBench:
    """Measures the columns of a pair in one run, in which lines alone have brought `alone`."""

    def __init__(self, options, tunnel, pair, alone):
        self._options, self._tunnel, self._alone = options, tunnel, alone
        self._lines = PAIRS[pair].lines
        self._names = set_lines(tunnel.lab, self._lines)

    def _warm_up_s(self, lines, least_s):
        return QUICK_WARM_UP_S if self._options.quick else warm_up_s(lines, least_s)

    def tcp(self, column):
        """The goodput of a column, with its line's from before where it has only one that was
        measured already."""
        used = column.uplinks_of(self._names)
        lines = tuple(line for name, line in zip(self._names, self._lines) if name in used)
        known = self._alone.get(lines[0]) if len(lines) == 1 else None
        if known is not None:
            return known
        column.start(self._names)
        goodput = column.tcp(self._options.seconds, 1, "down", self._warm_up_s(lines, WARM_UP_S))
        if len(lines) == 1:
            self._alone[lines[0]] = goodput
        return goodput

    def udp(self, column):
        """Of a column that is up."""
        if any(line not in self._alone for line in self._lines):
            raise LabError("what the lines bring alone is not known")
        bit_s = UDP_SHARE * 1e6 * sum(self._alone[line] for line in self._lines)
        found = send_datagrams(self._tunnel.lab, "server", "client", self._tunnel.client.inner4,
                               UDP_BYTES, bit_s / (8 * UDP_BYTES),
                               min(UDP_SECONDS, self._options.seconds),
                               self._warm_up_s(self._lines, UDP_WARM_UP_S), UDP_SETTLE_S,
                               UDP_SENDER)
        return {"udp": found.arrived * UDP_BYTES * 8e-6, "udp-lost": 100 * found.loss,
                "udp-reordered": 100 * found.reordered}


def measure_pair(options, columns, bench, pair, figures):
    for name, column in columns.items():
        what = f"{pair}, {name}"
        show_progress(what)
        try:
            goodput = measure(figures, column.lab, what, lambda: bench.tcp(column))
            figures.add((pair, "tcp"), name, goodput)
            if name == OWN and UDP in options.only and goodput is not None:
                show_progress(f"{pair}, {UDP}")
                found = measure(figures, column.lab, f"{pair}, {UDP}", lambda: bench.udp(column))
                for key, figure in (found or {}).items():
                    figures.add((pair, key), name, figure)
        finally:
            column.stop()


def links(options):
    """Measures and prints; yields the exit status."""
    figures = LinksFigures()
    with bonded_lab() as tunnel:
        about = conditions(tunnel.lab)
        # The lines alone come first: the stream of datagrams is as fast as they say.
        columns = {name: COLUMNS[name](tunnel) for name in sorted(
            set(options.only) - {UDP}, key=lambda name: (name == OWN, list(COLUMNS).index(name)))}
        for _ in range(options.runs):
            alone = {}
            for pair in options.pairs:
                measure_pair(options, columns, PairBench(options, tunnel, pair, alone), pair,
                             figures)
        show_progress("")
    names = {pair: PAIRS[pair].name for pair in options.pairs}
    print("\n".join([f"Goodput down in Mbit/s, medians of {options.runs} runs, {options.seconds} s "
                     "a transfer.", about, "", figures.text(names), "", *figures.how_measured()]))
    save(options, conditions=about, **figures.as_json())
    return outcome(options, figures, targets(names))


def parse():
    parser = argparse.ArgumentParser(prog="bench links", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    known = (*COLUMNS, UDP)
    add_comparison(parser, known, SECONDS, quick="one run of 1 s over a few pairs")
    parser.add_argument("--pairs", type=names_of(PAIRS), metavar="NUMBER,...",
                        help="of " + "; ".join(f"{key}: {pair.name.replace('%', '%%')}"
                                               for key, pair in PAIRS.items()))
    options = read_comparison(parser)
    options.only = options.only or USUAL
    options.pairs = options.pairs or (QUICK_PAIRS if options.quick else tuple(PAIRS))
    if UDP in options.only and not {OWN, *ALONE} <= set(options.only):
        parser.error(f"--only: {UDP} needs {', '.join((OWN, *ALONE))} too")
    return options


if __name__ == "__main__":
    wanted = parse()
    sys.exit(run_as_root(lambda: if_installed(
        programs_of(name for name in wanted.only if name != UDP), PACKAGES,
        lambda: links(wanted))))
