"""What `bench latency` measures: lines, load, and what is expected of braid there. Pure."""

from dataclasses import dataclass

from line import Line

ONE = (Line(50, 50, 10),)
PAIR = (Line(50, 20, 10), Line(30, 10, 35))
BLOATED = (Line(50, 20, 10), Line(20, 5, 20, queue_ms=1000))


@dataclass(frozen=True)
class Scenario:
    """`streams` of TCP, `way` up, down, or one set each way; or no load, and each uplink in turn
    loses everything. The better line is the first."""

    name: str
    lines: tuple
    streams: int = 1
    way: str = ""
    most_added_ms: float = None  # p95 under load above idle p95
    least_of_raw: float = None   # goodput, of plain MPTCP's
    least_of_sum: float = None   # goodput, of the single lines' together

    @property
    def loaded(self):
        return bool(self.way)

    def compares(self, column):
        """Whether this column is measured: one line alone where there are two, and the worse one
        only where both are added."""
        if column == "braid-first":
            return self.loaded and len(self.lines) > 1
        return column != "braid-second" or self.least_of_sum is not None


SCENARIOS = {each.name: each for each in (
    *(Scenario(f"one-{way}", ONE, 1, way, 10, 0.95) for way in ("down", "up")),
    Scenario("one-both", ONE, 1, "both", 30),
    *(Scenario(f"pair-{streams}-{way}", PAIR, streams, way, 20, 0.95, 0.9)
      for streams in (1, 8) for way in ("down", "up")),
    *(Scenario(f"bloat-{way}", BLOATED, 1, way, 60) for way in ("down", "up")),
    Scenario("blackhole", PAIR),
)}
