"""The table of `bench throughput`: its rows, medians over runs, text and JSON. Pure."""

from dataclasses import dataclass, field

from figures import Figures, aligned, number, ratio

TITLE_WIDTHS = (26, 6)


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
class Table(Figures):
    """Every run's figures: of each row, of each column (name and title)."""

    columns: dict = field(default_factory=dict)
    about: dict = field(default_factory=dict)  # version and cipher, by column

    def add_all(self, column, figures):
        """Notes a run's figures, by row."""
        for key, figure in figures.items():
            self.add(ROWS[key].key, column, figure)

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
        return [BLOCKS[name], *aligned(lines, TITLE_WIDTHS), ""]

    def ratios(self, own="braid", key="tcp-1"):
        """How many times as fast as each other column the own one is."""
        found = []
        for way in ("up", "down"):
            mine = self.median(f"{key}-{way}", own)
            others = {column: self.median(f"{key}-{way}", column) for column in self.columns
                      if column != own}
            words = [f"{number(ratio(mine, other))} x {column}"
                     for column, other in others.items() if mine and other]
            if words:
                found.append(f"{own}, 1 stream {way}: {', '.join(words)}")
        return found

    def foot(self):
        lines = [f"{column}: {about}" for column, about in self.about.items()]
        lines += ["", *self.ratios()]
        if any(column == WITH_BEST for _, column in self.runs):
            lines += ["(): the best run. Raw MPTCP through iperf3 has a fast and a slow mode on a "
                      "cable without a limit."]
        return lines + self.how_measured()

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
