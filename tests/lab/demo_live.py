"""A view of the uplinks while traffic flows: rate, RTT and state of each, from the status that
braid-client gives. Redrawn in place on a terminal; elsewhere a line per second."""

import os
import shutil
import sys
import time
from collections import deque
from dataclasses import dataclass

RATE_WINDOW_S = 1.0
LINE_PERIOD_S = 1.0
BAR_MBPS_PER_MARK = 2.5
INDENT = "  "


@dataclass
class UplinkNow:
    name: str
    state: str
    mbps: float | None  # None: no subflow lives
    rtt_ms: float | None  # None: not known
    rx_bytes: int


class UplinkMeter:
    """Makes rates of the byte counts of successive statuses.

    The counts are those of the subflows, which are read when the status is asked for. A subflow
    that is gone keeps its bytes here; a new one starts from zero."""

    def __init__(self):
        self._subflows = {}
        self._rx = {}
        self._history = deque()

    def update(self, status, now):
        """Yields an UplinkNow per uplink of a `status --json`, `now` in seconds."""
        self._count(status)
        rtts = {subflow["uplink"]: subflow["rtt_us"] / 1e3 or None for subflow in subflows(status)}
        self._history.append((now, dict(self._rx)))
        while len(self._history) > 2 and self._history[1][0] <= now - RATE_WINDOW_S:
            self._history.popleft()
        then, rx_then = self._history[0]
        uplinks = []
        for uplink in status["uplinks"]:
            name = uplink["interface"]
            rx = self._rx.get(name, 0)
            rate = (rx - rx_then.get(name, 0)) * 8 / (now - then) / 1e6 if now > then else 0.0
            mbps = rate if name in rtts else None
            uplinks.append(UplinkNow(name, uplink["state"], mbps, rtts.get(name), rx))
        return uplinks

    def _count(self, status):
        first, living = not self._history, {}
        for subflow in subflows(status):
            name, key = subflow["uplink"], (subflow["local"], subflow["remote"])
            rx = living[key] = subflow["rx_bytes"]
            grown = 0 if first else max(0, rx - self._subflows.get(key, 0))
            self._rx[name] = self._rx.get(name, 0) + grown
        self._subflows = living


def subflows(status):
    return [subflow for lane in status["lanes"] for subflow in lane["subflows"]]


class LiveView:
    """Draws the view. `with` it: a terminal is left with the notes only."""

    def __init__(self, lines_elsewhere=True, out=None):
        """`lines_elsewhere`: whether to print a line per second where there is no terminal."""
        self._out = out or sys.stdout
        self._terminal = self._out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._lines_elsewhere = lines_elsewhere
        self._drawn = 0
        self._start = time.monotonic()
        self._next_line = self._start + LINE_PERIOD_S
        self._has_header = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._erase()

    def seconds(self):
        return time.monotonic() - self._start

    def show(self, uplinks, progress):
        """`progress` is a text such as '12.3 of 100 MB'."""
        if self._terminal:
            self._redraw([f"{self.seconds():5.1f} s  {progress}", *map(bar_line, uplinks)])
        elif self._lines_elsewhere and time.monotonic() >= self._next_line:
            self._next_line += LINE_PERIOD_S
            self._print_header(uplinks)
            cells = "   ".join(map(cell, uplinks))
            print(f"{INDENT}{self.seconds():5.1f} s  {cells}   {progress}", file=self._out)

    def _print_header(self, uplinks):
        if not self._has_header:
            names = "".join(f"{each.name + ': state, rate, RTT':35}" for each in uplinks)
            print(f"{INDENT}   time  {names}received", file=self._out)
            self._has_header = True

    def note(self, text):
        """Prints a line that stays: something happened."""
        self._erase()
        print(f"{INDENT}{self.seconds():5.1f} s  {text}", file=self._out)

    def _redraw(self, lines):
        width = shutil.get_terminal_size().columns - 1
        self._erase()
        self._out.write("".join(f"{INDENT}{line}"[:width] + "\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    def _erase(self):
        if self._drawn:
            self._out.write(f"\x1b[{self._drawn}A\x1b[J")
            self._out.flush()
            self._drawn = 0


def cell(uplink):
    rate = "" if uplink.mbps is None else f"{uplink.mbps:5.1f} Mbit/s"
    rtt = "" if uplink.rtt_ms is None else f"{uplink.rtt_ms:4.0f} ms"
    return f"{uplink.state:10} {rate:12}  {rtt:7}"


def bar_line(uplink):
    bar = "#" * round((uplink.mbps or 0) / BAR_MBPS_PER_MARK)
    rtt = "RTT" if uplink.rtt_ms else "   "
    return f"{uplink.name:6} {cell(uplink)} {rtt}  {bar}".rstrip()
