"""The figures of a benchmark: of every run, by row and column; medians, text and targets. Pure."""

import math
import statistics
from dataclasses import dataclass, field

GAP = 2


@dataclass
class Figures:
    """Every run's figures, and how the measurements went that gave them."""

    runs: dict = field(default_factory=dict)  # (row, column) -> figures
    failures: list = field(default_factory=list)
    measured: int = 0
    disturbed: int = 0

    def add(self, row, column, figure):
        """Notes one run's figure; None stands for one that could not be had."""
        if figure is not None:
            self.runs.setdefault((row, column), []).append(figure)

    def median(self, row, column):
        found = self.runs.get((row, column))
        return statistics.median(found) if found else None

    def total(self, row, column):
        found = self.runs.get((row, column))
        return sum(found) if found else None

    def as_json(self):
        return {"measured": self.measured, "disturbed": self.disturbed, "failures": self.failures,
                "figures": [{"row": row, "column": column, "median": self.median(row, column),
                             "runs": runs} for (row, column), runs in self.runs.items()]}

    def how_measured(self):
        """The lines about others' use of the machine, and about what could not be measured."""
        lines = [f"{self.disturbed} of {self.measured} measurements were made while others "
                 "took more than 10 % of the CPU time or 20 ms at once."]
        if self.failures:
            lines += ["", "What could not be measured:", *(f"  {each}" for each in self.failures)]
        return lines


@dataclass(frozen=True)
class Target:
    """`figure(figures)` beside a bound; None where it was not measured."""

    title: str
    figure: object
    most: float = None
    least: float = None

    def text(self):
        return (f"{self.title}: at most {self.most:g}" if self.most is not None
                else f"{self.title}: at least {self.least:g}")

    def found(self, figures):
        return self.figure(figures)

    def met(self, found):
        return found <= self.most if self.most is not None else found >= self.least


def judge(figures, wanted):
    """The lines about targets whose figures were measured, and those that are missed."""
    lines, misses = [], []
    for target in wanted:
        found = target.found(figures)
        if found is None:
            continue
        line = f"{target.text()}: {number(found)}"
        met = target.met(found)
        lines.append(f"  {'met   ' if met else 'missed'}  {line}")
        if not met:
            misses.append(line)
    return lines, misses


def number(value):
    """Three digits, or all those before the point; '-' for none."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value:.3g}"
    return f"{value:.{max(0, 2 - int(math.log10(value)))}f}"


def ratio(one, other):
    """None where one of them is missing, or there is nothing to compare with."""
    return one / other if one is not None and other else None


def aligned(lines, left):
    """Rows of cells as text. The first columns stand to the left, as wide as `left` says; the
    others to the right, as wide as they need."""
    widths = [max(map(len, cells)) + GAP for cells in zip(*lines)][len(left):]
    return [("".join(f"{cell:<{width}}" for cell, width in zip(cells, left))
             + "".join(f"{cell:>{width}}" for cell, width in zip(cells[len(left):], widths))
             ).rstrip() for cells in lines]


def percentile(values, share):
    """Nearest rank; None without values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else None
