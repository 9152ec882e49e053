"""One run of one fault, and what came of it."""

import math
import statistics
import time
from dataclasses import asdict, dataclass, field

from bench_columns import now_ns
from traffic_twoway import longest_gap_ns

LEAST_FAULT_S = 1.5
MOST_FAULT_S = 6.0
BACK_TIMEOUT_S = {"braid": 20.0, "kernel": 2.0}
AFTER_BACK_S = 0.7


@dataclass
class RunResult:
    """Times in ms, of each stream: its longest gap while the fault lasted, and the longest from the
    moment that the path worked again. `back_s`: None, did not carry again in time."""

    gaps: dict
    gaps_back: dict
    back_s: float | None

    def gap(self, direction=""):
        return max(gap for stream, gap in self.gaps.items() if stream.endswith(direction))

    def gap_back(self):
        return max(self.gaps_back.values())


@dataclass
class Cell:
    """All runs of one fault beside one load in one column."""

    runs: list = field(default_factory=list)
    thrown_away: int = 0  # and made again, because others used the machine meanwhile
    disturbed: int = 0    # of the runs, though they were made again

    def spots(self, value):
        """p50, p95 and max of value(run); None without runs."""
        ordered = sorted(value(run) for run in self.runs)
        if not ordered:
            return None
        nearest_rank = math.ceil(0.95 * len(ordered)) - 1
        return {"p50": statistics.median(ordered), "p95": ordered[nearest_rank],
                "max": ordered[-1]}

    def gaps(self, direction=""):
        return self.spots(lambda run: run.gap(direction))

    def gaps_back(self):
        return self.spots(RunResult.gap_back)

    def back(self):
        return self.spots(lambda run: math.inf if run.back_s is None else run.back_s)

    def as_json(self):
        return [asdict(run) for run in self.runs]


def gaps_ms(reader, start, end):
    return {stream: round(longest_gap_ns(times, start, end) / 1e6, 1)
            for stream, times in reader.read().items()}


def run_fault(column, kind, fault, load):
    """Lets an uplink fail until the streams have got over it, brings it back and waits until it
    carries again; yields the RunResult. LabError when the column does not start steadily."""
    column.prepare(load)
    reader = column.arrivals()
    start = now_ns()
    fault.begin(column.lab, column.uplink)
    try:
        time.sleep(LEAST_FAULT_S)
        column.await_steady(MOST_FAULT_S - LEAST_FAULT_S)
        end = now_ns()
        before = column.link_counters()
    finally:
        fault.end(column.lab, column.uplink)
    back = now_ns()
    back_s = await_carrying(column, load, before, back, BACK_TIMEOUT_S[kind])
    time.sleep(AFTER_BACK_S)
    return RunResult(gaps_ms(reader, start, end), gaps_ms(reader, back, now_ns()), back_s)


def await_carrying(column, load, before, since, timeout_s):
    while now_ns() - since < timeout_s * 1e9:
        if column.carries(load, before):
            return round((now_ns() - since) / 1e9, 3)
        time.sleep(0.02)
    return None
