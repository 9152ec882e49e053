"""What the demo found: the closing table, and whether all of it held. Pure."""

from dataclasses import dataclass

LEAST_BONDED = 0.85
MOST_STALL_MS = 1000
MOST_GAP_MS = 500  # beside a download that fills both links; an idle tunnel has under 300


@dataclass
class Speed:
    """Ping and download through the tunnel with a choice of uplinks."""

    mbps: float
    ping_ms: float
    sha256_ok: bool


@dataclass
class Cut:
    """A download during which one uplink went away and came back."""

    uplink: str
    complete: bool
    sha256_ok: bool
    seconds: float
    received_bytes: int
    stall_ms: float  # the longest time in which the download got nothing
    stall_at_s: float
    gap_ms: float  # the same for the stream of small messages beside it
    gap_at_s: float
    uplink_bytes: dict  # by name of the uplink, IP packets on the link, both directions
    carried_again_s: float | None  # after it came back; None: it did not


@dataclass
class Findings:
    alone: dict  # Speed by name of the uplink
    bonded: Speed
    cut: Cut

    @property
    def sum_mbps(self):
        return sum(speed.mbps for speed in self.alone.values())

    @property
    def bonded_share(self):
        return self.bonded.mbps / self.sum_mbps if self.sum_mbps else 0.0


def percent(share):
    return f"{100 * share:.0f} %"


def checks(found):
    """Yields (held, text) for everything that has to hold."""
    cut = found.cut
    speeds = (*found.alone.values(), found.bonded)
    carried = all(count > 0 for count in cut.uplink_bytes.values())
    return [
        (found.bonded_share >= LEAST_BONDED,
         f"both uplinks together reach {percent(LEAST_BONDED)} of their sum or more"),
        (cut.complete and cut.sha256_ok and all(speed.sha256_ok for speed in speeds),
         "every download arrived complete and with the right SHA-256"),
        (cut.stall_ms < MOST_STALL_MS, f"no stall of the download of {MOST_STALL_MS} ms or more"),
        (cut.gap_ms < MOST_GAP_MS, f"no gap in the 10 ms stream of {MOST_GAP_MS} ms or more"),
        (carried, "both uplinks carried the download"),
        (cut.carried_again_s is not None, f"{cut.uplink} carried traffic again after it came back"),
    ]


def row(label, value, unit="", remark=""):
    return f"  {label:32}{value:>8} {unit:7} {remark}".rstrip()


def stall_row(label, stall_ms, at_s):
    if stall_ms == float("inf"):
        return row(label, "-", "", "it did not come to its end")
    return row(label, f"{stall_ms:.0f}", "ms", f"{at_s:.1f} s after its start")


def speed_rows(found):
    rows = [row(f"download over {name} alone", f"{speed.mbps:.1f}", "Mbit/s")
            for name, speed in found.alone.items()]
    rows.append(row("download over both", f"{found.bonded.mbps:.1f}", "Mbit/s",
                    f"{percent(found.bonded_share)} of the sum of {found.sum_mbps:.1f} Mbit/s"))
    rows += [row(f"ping over {name} alone", f"{speed.ping_ms:.1f}", "ms")
             for name, speed in found.alone.items()]
    return [*rows, row("ping over both", f"{found.bonded.ping_ms:.1f}", "ms")]


def cut_rows(cut):
    again = "never" if cut.carried_again_s is None else f"{cut.carried_again_s:.1f}"
    total = sum(cut.uplink_bytes.values()) or 1
    return [
        stall_row("longest stall of the download", cut.stall_ms, cut.stall_at_s),
        stall_row("longest gap in the 10 ms stream", cut.gap_ms, cut.gap_at_s),
        *(row(f"carried by {name}", f"{count / 1e6:.1f}", "MB", percent(count / total))
          for name, count in cut.uplink_bytes.items()),
        row(f"{cut.uplink} carried again after", again, "" if again == "never" else "s"),
        row("SHA-256", "equal" if cut.sha256_ok and cut.complete else "NOT equal", "",
            f"{cut.received_bytes / 1e6:.1f} MB in {cut.seconds:.1f} s"),
    ]


def table(found):
    """The lines of the closing table."""
    lines = ["Figures", *speed_rows(found), f"The download while {found.cut.uplink} was away"]
    lines += [*cut_rows(found.cut), "Did it hold?"]
    lines += [f"  {'yes' if held else 'NO':5}{text}" for held, text in checks(found)]
    return lines
