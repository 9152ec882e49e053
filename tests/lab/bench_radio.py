"""What the guard costs on uplinks that stall by nature: goodput with it and without it.

One radio uplink and a clean one; a download and an upload for each kind of radio, with the guard on
and off in turn. The radio does the same in both halves of a pair, and another in the next pair.
"""

import re
import statistics
import time
from dataclasses import dataclass, field

import radio_traces
from bench_columns import BULK_PORT
from lab import LabError
from tunnel import Tunnel, plain_uplinks

PAIRS = 5
LEARN_S = 12  # in a tunnel that stays up the guard knows the radio's gaps
TRANSFER_S = 10
PERIOD_MS = 60_000
MOST_COST = 0.03
DOWN_MBPS, UP_MBPS = 50, 20
KINDS = ("jitter", "stalls", "cellular")
WAYS = ("download", "upload")
CUT = re.compile(r"\bsubflow[ _]cut\b")
DEMOTED = re.compile(r"event=uplink_stalled\b")


@dataclass
class Tally:
    """Of one kind of radio, with the guard on or off."""

    mbps: dict = field(default_factory=lambda: {way: [] for way in WAYS})
    cuts: int = 0
    demotions: int = 0
    seconds: float = 0.0

    def per_minute(self, count):
        return 60 * count / self.seconds if self.seconds else 0.0


def set_radio(lab, kind, seed):
    """Lets the radio begin anew, with what `kind` and `seed` say."""
    if kind == "jitter":
        lab.set_link("radio", delay="20ms", jitter="20ms")
        return
    traces = {
        "stalls": lambda way: radio_traces.stalling(
            seed, PERIOD_MS, DOWN_MBPS if way == "down" else UP_MBPS),
        "cellular": lambda way: radio_traces.cellular(
            seed, PERIOD_MS, 1.0 if way == "down" else UP_MBPS / DOWN_MBPS),
    }
    for way in ("down", "up"):
        path = lab.directory / f"radio-{way}.trace"
        path.write_text(traces[kind](way))
        # A base station keeps what it cannot send yet.
        lab.set_link("radio", way, delay="20ms", jitter="0ms", trace=str(path), queue="500ms")


def knows_guard(client):
    """Whether this client has the key; leaves a config with it, or without."""
    client.settings["guard"] = True
    client.write_config(plain_uplinks("radio", "clean"))
    known = client.verb("check", check=False).returncode != 4
    if not known:
        del client.settings["guard"]
        client.write_config(plain_uplinks("radio", "clean"))
    return known


def goodput(lab, way, seconds):
    """Of one transfer, in Mbit/s."""
    report = lab.traffic("client", way, lab.internet4, BULK_PORT, "--seconds", str(seconds),
                         timeout=seconds + 60)
    if "mbit_s_after_first_second" not in report:
        raise LabError(f"{way}: {report.get('error', report)}")
    return report["mbit_s_after_first_second"]


def measure(tunnel, kind, pair, tally):
    """A download and an upload; adds what came of them to the tally."""
    lab, client = tunnel.lab, tunnel.client
    client.start()
    try:
        client.wait_active("radio", "clean", timeout=20)
        set_radio(lab, kind, seed=pair)
        goodput(lab, "download", LEARN_S)
        offset, start = client.log.stat().st_size, time.monotonic()
        for way in WAYS:
            set_radio(lab, kind, seed=pair)
            tally.mbps[way].append(goodput(lab, way, TRANSFER_S))
        tally.seconds += time.monotonic() - start
        with open(client.log) as log:
            log.seek(offset)
            lines = log.read().splitlines()
        tally.cuts += sum(bool(CUT.search(line)) for line in lines)
        tally.demotions += sum(bool(DEMOTED.search(line)) for line in lines)
    finally:
        client.stop()


def table(kind, on, off):
    """Two lines for a kind; yields them and what misses the target."""
    lines, misses = [], []
    for way in WAYS:
        costs = [1 - one / other for one, other in zip(on.mbps[way], off.mbps[way])]
        cost = statistics.median(costs)
        lines.append(f"{kind:<10}{way:<10}{statistics.median(on.mbps[way]):>7.1f}"
                     f"{statistics.median(off.mbps[way]):>7.1f}{cost:>8.1%}"
                     f"{f'{min(costs):.0%} to {max(costs):.0%}':>15}"
                     f"{on.per_minute(on.cuts):>10.1f}{on.per_minute(on.demotions):>15.1f}")
        if cost > MOST_COST:
            misses.append(f"{kind}, {way}: the guard costs {cost:.1%}, target {MOST_COST:.0%}")
    return lines, misses


def radio(_options):
    """Prints the table; yields the targets that are missed."""
    misses = []
    with Tunnel(uplinks=("radio=wifi", "clean=wifi"),
                client_settings={"log": {"level": "info"}}) as tunnel:
        tunnel.lab.traffic_server("internet", "tcp-server", BULK_PORT)
        tunnel.server.start()
        known = knows_guard(tunnel.client)
        if not known:
            print("This client has no key `guard`: both columns are the same, their difference is "
                  "noise.")
        print(f"Goodput in Mbit/s and its cost, medians of {PAIRS} pairs; target: at most "
              f"{MOST_COST:.0%}")
        print(f"{'radio':<10}{'way':<10}{'guard':>7}{'none':>7}{'cost':>8}{'of a pair':>15}"
              f"{'cuts/min':>10}{'demotions/min':>15}")
        for kind in KINDS:
            lines, missed = table(kind, *compare(tunnel, kind, known))
            print("\n".join(lines), flush=True)
            misses += missed
    return misses


def compare(tunnel, kind, known):
    """Yields the tallies with the guard on and off."""
    tallies = {True: Tally(), False: Tally()}
    for pair in range(PAIRS):
        # Turned round each time, so that neither always comes first.
        for guard in ((True, False), (False, True))[pair % 2]:
            if known:
                tunnel.client.settings["guard"] = guard
                tunnel.client.write_config(plain_uplinks("radio", "clean"))
            measure(tunnel, kind, pair, tallies[guard])
    tunnel.lab.set_link("radio", "down", rate=f"{DOWN_MBPS}M", trace="off")
    tunnel.lab.set_link("radio", "up", rate=f"{UP_MBPS}M", trace="off")
    return tallies[True], tallies[False]
