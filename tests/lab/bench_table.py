"""The tables of `bench failover`, and whether its targets are met. Pure."""

import math
from dataclasses import dataclass, field

from bench_runs import Cell
from bench_faults import FAULTS, NO_FAULT

SEEN_GAP_MS, SILENT_GAP_MS, BACK_GAP_MS, BACK_S = 50, 100, 50, 1.0
COLUMNS = ("braid", "kernel")


@dataclass
class Row:
    """A fault beside a load: a Cell for each column."""

    fault: str
    load: str
    cells: dict = field(default_factory=lambda: {name: Cell() for name in COLUMNS})
    failures: list = field(default_factory=list)  # runs that could not be made, in words

    def target_ms(self):
        """The most that p95 of the longest gap may be; None where no target is set."""
        fault = FAULTS[self.fault]
        if fault is NO_FAULT or (fault.host_sees_it and self.load != "idle"):
            return None
        return SEEN_GAP_MS if fault.host_sees_it else SILENT_GAP_MS

    def misses(self):
        """The targets that braid misses, in words."""
        cell, name = self.cells["braid"], f"{self.fault}/{self.load}"
        if not cell.runs or self.fault == NO_FAULT.name:
            return []
        checks = [(cell.gaps()["p95"], self.target_ms(), "gap p95", "ms"),
                  (cell.back()["p95"], BACK_S, "carries again after p95", "s"),
                  (cell.gaps_back()["p95"], BACK_GAP_MS, "gap p95 on coming back", "ms")]
        return [f"{name}: {what} {number(value)} {unit}, target {target} {unit}"
                for value, target, what, unit in checks if target is not None and value > target]


def number(value, places=0):
    if value is None:
        return "-"
    if math.isinf(value):
        return "never"
    if places == 0 and value != int(value):
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return f"{value:.{places}f}"


def cells_of(spots, places=0):
    return [number(spots[key] if spots else None, places) for key in ("p50", "p95", "max")]


def left(first, load, rest):
    return f"{first:<15}{load:<9}{rest}"


def columns(words):
    return "".join(f"{word:>6}" for word in words)


def gap_table(rows):
    """Longest gap of each run over all streams, and p95 for each direction."""
    titles = columns(("p50", "p95", "max", "down", "up"))
    lines = ["Longest gap of the streams while the uplink is gone, in ms; down and up: p95 of that "
             "way",
             left("", "", f"{'':>4}{'braid':>18}{'':12} |{'kernel alone':>24}"),
             left("fault", "beside", f"{'runs':>4}{titles} |{titles} |target")]
    for row in rows:
        text = [left(row.fault, row.load, f"{len(row.cells['braid'].runs):>4}")]
        for name in COLUMNS:
            cell = row.cells[name]
            ways = [cell.gaps(way) for way in ("down", "up")]
            text.append(columns([*cells_of(cell.gaps()),
                                 *(number(way["p95"] if way else None) for way in ways)]) + " |")
        lines.append("".join(text) + f"{number(row.target_ms()):>6}")
    return lines


def back_table(rows):
    """How soon an uplink carries again, and what its coming back costs."""
    titles = columns(("p50", "p95", "max"))
    lines = ["Uplink back: s from the path working until it carries again; longest gap meanwhile, "
             "in ms",
             left("", "", f"{'braid, s':>18} |{'braid, ms':>18} |{'kernel, s':>18} |"),
             left("fault", "beside", f"{titles} |{titles} |{titles} | came back")]
    for row in rows:
        if row.fault == NO_FAULT.name:
            continue
        braid, kernel = row.cells["braid"], row.cells["kernel"]
        came = sum(run.back_s is not None for run in kernel.runs)
        lines.append(left(row.fault, row.load,
                          f"{columns(cells_of(braid.back(), 2))} |"
                          f"{columns(cells_of(braid.gaps_back()))} |"
                          f"{columns(cells_of(kernel.back(), 2))} | {came} of {len(kernel.runs)}"))
    lines.append(left("target", "", f"{'':6}{BACK_S:>6}{'':6} |{'':6}{BACK_GAP_MS:>6}"))
    return lines


def physics(links, interval_ms=10):
    """What no program can beat on these uplinks, in lines."""
    lost = {way: delay_ms(links[0].wanted[way]) for way in ("up", "down")}
    lines = ["What bounds a gap: time to notice + the way of what is sent again over another "
             f"uplink + up to {interval_ms}",
             "ms between messages."]
    for link in links[1:]:
        up, down = (delay_ms(link.wanted[way]) for way in ("up", "down"))
        slower = max(up - lost["up"], down - lost["down"], 0)
        lines += [f"  {link.device}: up {up:.0f} ms after the client notices; down {down:.0f} ms "
                  f"after the server does, or {up + down:.0f} ms after",
                  "  the client, which has to tell the server. Without a fault a message that goes "
                  f"this way comes {slower:.0f} ms",
                  f"  later than over {links[0].device}, and holds up those behind it."]
    return lines


def delay_ms(settings):
    text = settings.get("delay", "0ms")
    return float(text.removesuffix("ms"))


def noise(rows):
    """The gaps without any fault, which are the machine's and the links' own."""
    found = [f"{row.load} {number(row.cells['braid'].gaps()['p95'])} ms" for row in rows
             if row.fault == NO_FAULT.name and row.cells["braid"].runs]
    return [f"Noise floor (p95 of the longest gap without a fault): {', '.join(found)}"] \
        if found else []


def report(rows, links, broken):
    lines = [*gap_table(rows), "", *back_table(rows), "", *others_use(rows), *noise(rows),
             *physics(links)]
    if broken:
        lines.append(f"Inner connections lost: {broken}")
    return lines


def others_use(rows):
    """How many runs were measured while others used the machine."""
    cells = [cell for row in rows for cell in row.cells.values()]
    away, disturbed = (sum(getattr(cell, name) for cell in cells)
                       for name in ("thrown_away", "disturbed"))
    if not away + disturbed:
        return []
    return [f"{away} runs were made again, because others took more than 10 % of the CPU time or 20 "
            f"ms at once;", f"of {sum(len(cell.runs) for cell in cells)} runs that count, "
            f"{disturbed} still were so disturbed."]


def as_json(rows):
    return [{"fault": row.fault, "load": row.load, "target_ms": row.target_ms(),
             "misses": row.misses(),
             **{name: {"gap_ms": cell.gaps(), "gap_back_ms": cell.gaps_back(),
                       "back_s": finite(cell.back()), "runs": cell.as_json()}
                for name, cell in row.cells.items()}} for row in rows]


def finite(spots):
    """JSON has no infinity: null stands for never."""
    return spots and {key: None if math.isinf(value) else value for key, value in spots.items()}
