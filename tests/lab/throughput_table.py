"""The table of `bench throughput`: its rows, medians over runs, text and JSON. Pure."""

import math
import statistics
from dataclasses import dataclass, field

FIRST_WIDTH, UNIT_WIDTH, GAP = 26, 6, 2


@dataclass(frozen=True)
class Row:
    """`block` is the table that it stands in."""

    key: str
    title: str
    unit: str
    block: str = "direct"


ROWS = {row.key: row for row in (
    Row("tcp-1-up", "TCP, 1 stream up", "Gbit/s"),
    Row("tcp-1-down", "TCP, 1 stream down", "Gbit/s"),
    Row("tcp-4-up", "TCP, 4 streams up", "Gbit/s"),
    Row("tcp-4-down", "TCP, 4 streams down", "Gbit/s"),
    Row("tcp-16-up", "TCP, 16 streams up", "Gbit/s"),
    Row("tcp-16-down", "TCP, 16 streams down", "Gbit/s"),
    Row("tcp-both", "TCP, 1 each way, sum", "Gbit/s"),
    Row("udp-1200", "UDP, 1200 bytes, up", "Gbit/s"),
    Row("udp-64", "UDP, 64 bytes, up", "1000/s"),
    Row("udp-64-reordered", "of these, out of order", "%"),
    Row("rtt-p50", "idle round trip, p50", "us"),
    Row("rtt-p99", "idle round trip, p99", "us"),
    Row("cpu-up-client", "CPU of client, 1 up", "s/GB"),
    Row("cpu-up-server", "CPU of server, 1 up", "s/GB"),
    Row("cpu-down-client", "CPU of client, 1 down", "s/GB"),
    Row("cpu-down-server", "CPU of server, 1 down", "s/GB"),
    Row("memory-client", "most memory, client", "MiB"),
    Row("memory-server", "most memory, server", "MiB"),
    Row("forwarded-tcp-1-up", "TCP, 1 stream up", "Gbit/s", "forwarded"),
    Row("forwarded-tcp-1-down", "TCP, 1 stream down", "Gbit/s", "forwarded"),
    Row("single-tcp-1-up", "TCP, 1 stream up", "Gbit/s", "forwarded without GRO"),
    Row("single-tcp-1-down", "TCP, 1 stream down", "Gbit/s", "forwarded without GRO"),
)}
BLOCKS = {"direct": "direct: between the tunnel's ends",
          "forwarded": "forwarded: LAN host - client - server - NAT - Internet host, GRO on where "
                       "packets come in",
          "forwarded without GRO": "forwarded without GRO: each packet comes in singly"}
WITH_BEST = "raw-mptcp"


@dataclass
class Table:
    """Every run's figures: of each column (name and title), of each row."""

    columns: dict
    about: dict = field(default_factory=dict)  # version and cipher, by column
    runs: dict = field(default_factory=dict)  # (row key, column) -> figures
    failures: list = field(default_factory=list)
    measured: int = 0
    disturbed: int = 0

    def add(self, column, figures):
        """Notes a run's figures, by row; None stands for one that could not be had."""
        for key, figure in figures.items():
            if figure is not None:
                self.runs.setdefault((ROWS[key].key, column), []).append(figure)

    def median(self, key, column):
        found = self.runs.get((key, column))
        return statistics.median(found) if found else None

    def cell(self, key, column):
        text = number(self.median(key, column))
        if column == WITH_BEST and text != "-":
            text += f" ({number(max(self.runs[key, column]))})"
        return text

    def block(self, name):
        """The lines of a block; none where nothing was measured."""
        measured = {key for key, _ in self.runs}
        rows = [row for row in ROWS.values() if row.block == name and row.key in measured]
        if not rows:
            return []
        lines = [["", "", *(title[i] for title in self.columns.values())] for i in (0, 1)]
        lines += [[row.title, row.unit, *(self.cell(row.key, column) for column in self.columns)]
                  for row in rows]
        return [BLOCKS[name], *aligned(lines), ""]

    def ratios(self, own="braid", key="tcp-1"):
        """How many times as fast as each other column the own one is."""
        found = []
        for way in ("up", "down"):
            mine = self.median(f"{key}-{way}", own)
            others = {column: self.median(f"{key}-{way}", column) for column in self.columns
                      if column != own}
            words = [f"{number(mine / other)} x {column}" for column, other in others.items()
                     if mine and other]
            if words:
                found.append(f"{own}, 1 stream {way}: {', '.join(words)}")
        return found

    def foot(self):
        lines = [f"{column}: {about}" for column, about in self.about.items()]
        lines += ["", *self.ratios()]
        if any(column == WITH_BEST for _, column in self.runs):
            lines += ["(): the best run. Raw MPTCP through iperf3 has a fast and a slow mode on a "
                      "cable without a limit."]
        lines.append(f"{self.disturbed} of {self.measured} measurements were made while others "
                     "took more than 10 % of the CPU time or 20 ms at once.")
        if self.failures:
            lines += ["", "What could not be measured:", *(f"  {each}" for each in self.failures)]
        return lines

    def text(self):
        return "\n".join([each for name in BLOCKS for each in self.block(name)] + self.foot())

    def as_json(self):
        return {"measured": self.measured, "disturbed": self.disturbed, "failures": self.failures,
                "about": self.about,
                "rows": [{"row": row.key, "unit": row.unit, "columns": {
                    column: {"median": self.median(row.key, column),
                             "runs": self.runs[row.key, column]}
                    for column in self.columns if (row.key, column) in self.runs}}
                    for row in ROWS.values()]}


def number(value):
    """Three digits, or all those before the point; '-' for none."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value:.3g}"
    return f"{value:.{max(0, 2 - int(math.log10(value)))}f}"


def aligned(lines):
    """Rows of cells as text, all columns but the first two to the right."""
    widths = [max(map(len, cells)) + GAP for cells in zip(*lines)][2:]
    return [(f"{first:<{FIRST_WIDTH}}{unit:<{UNIT_WIDTH}}"
             + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths))).rstrip()
            for first, unit, *cells in lines]


def percentile(values, share):
    """Nearest rank; None without values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else None
