"""The figures of `bench latency`: what pings and a voice stream tell, the table, and the targets.
Pure."""

from dataclasses import dataclass

from figures import Figures, Target, aligned, number, percentile, ratio

UNANSWERED_MS = 10_000
LATE_MS = 20
MOST_JITTER_MS = 10
PINGS = ("idle-p50", "idle-p95", "p50", "p95", "p99")
VOICE = ("voice-p50", "voice-p99", "voice-max", "voice-lost", "voice-late")
COUNTS = VOICE[3:]  # of all runs together
OWN, RAW, ALONE = "braid", "mptcp", ("braid-first", "braid-second")
HEAD = (("", "", "ping", "idle", "ping", "under", "load", "good-", "% of", "voice", "jitter", "",
         "", ""),
        ("", "", "p50", "p95", "p50", "p95", "p99", "put", "MPTCP", "p50", "p99", "max", "lost",
         "late"))
WIDTHS = (13, 21)


@dataclass(frozen=True)
class Arrival:
    """One message that came back; times in ms. `seen`: by the far end, 0 for a ping."""

    number: int
    sent: float
    received: float
    seen: float


def read_arrivals(text):
    """The first arrival of each message in a record of traffic.py."""
    found = {}
    for line in text.splitlines():
        number_, sent, received, seen = map(int, line.split())
        found.setdefault(number_, Arrival(number_, sent / 1e6, received / 1e6, seen / 1e6))
    return list(found.values())


def ping_figures(arrivals, sent, shares, prefix=""):
    """Percentiles of the round trip. A ping without an answer took longest."""
    times = [each.received - each.sent for each in arrivals]
    times += [UNANSWERED_MS] * (sent - len(times))
    return {f"{prefix}p{share}": percentile(times, share) for share in shares}


def voice_figures(arrivals, sent, usual_ms):
    """How much later than the earliest (RFC 5481: packet delay variation) the messages of the worse
    way were; how many were lost, and how many later than `usual_ms` and LATE_MS together."""
    ways = [[each.seen - each.sent for each in arrivals],
            [each.received - each.seen for each in arrivals]]
    late = sum(max(delays) > usual_ms + LATE_MS for delays in zip(*ways))
    figures = {"voice-lost": sent - len(arrivals), "voice-late": late}
    if arrivals:
        jitter = max(([delay - min(delays) for delay in delays] for delays in ways),
                     key=lambda values: percentile(values, 99))
        figures |= {"voice-p50": percentile(jitter, 50), "voice-p99": percentile(jitter, 99),
                    "voice-max": max(jitter)}
    return figures


def worst(voices):
    """Of several streams: counts added, times of the worst."""
    keys = dict.fromkeys(key for voice in voices for key in voice)
    return {key: (sum if key in COUNTS else max)(voice[key] for voice in voices if key in voice)
            for key in keys}


class LatencyFigures(Figures):
    """Rows are (scenario, figure), with the figures above and `goodput` in Mbit/s."""

    def add_all(self, scenario, column, figures):
        for key, figure in figures.items():
            self.add((scenario, key), column, figure)

    def cells(self, scenario, column):
        """The texts of a line of the table."""
        goodput = self.median((scenario, "goodput"), column)
        raw = ratio(goodput, self.median((scenario, "goodput"), RAW))
        values = {key: (self.total if key in COUNTS else self.median)((scenario, key), column)
                  for key in PINGS + VOICE}
        return [*(milliseconds(values[key]) for key in PINGS), number(goodput),
                "-" if raw is None else f"{100 * raw:.0f}",
                *(milliseconds(values[key]) for key in VOICE[:3]),
                *("-" if values[key] is None else str(values[key]) for key in COUNTS)]

    def text(self, scenarios, titles):
        """The table. `titles`: of columns."""
        lines, blocks = list(HEAD), []
        for scenario in scenarios:
            measured = {column for (name, _), column in self.runs if name == scenario}
            lines += [[scenario, title, *self.cells(scenario, column)]
                      for column, title in titles.items() if column in measured]
            blocks.append(len(lines))
        texts = aligned(lines, WIDTHS)
        starts = [len(HEAD), *blocks]
        return "\n".join(["\n".join(texts[:len(HEAD)]),
                          *("\n".join(["", *texts[begin:end]])
                            for begin, end in zip(starts, starts[1:]) if end > begin)])


def milliseconds(value):
    return "-" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def targets(scenarios):
    """Those of these scenarios. The ping of a pair of lines is compared with that of the better line
    itself."""
    return [target for scenario in scenarios
            for target in (load_targets(scenario) if scenario.loaded else
                           [count_target(scenario.name, key) for key in COUNTS])]


def load_targets(scenario):
    name = scenario.name
    found = [added_target(name, OWN if len(scenario.lines) == 1 else RAW, scenario.most_added_ms)]
    if scenario.least_of_raw:
        found.append(share_target(name, "plain MPTCP's", (RAW,), scenario.least_of_raw))
    if scenario.least_of_sum:
        found.append(share_target(name, "single lines' sum", ALONE, scenario.least_of_sum))
    jitter = Target(f"{name}: voice, p99 of jitter, ms",
                    lambda figures: figures.median((name, "voice-p99"), OWN), most=MOST_JITTER_MS)
    return [*found, jitter, count_target(name, "voice-lost")]


def added_target(name, idle_column, most):
    def figure(figures):
        loaded, idle = (figures.median((name, "p95"), OWN),
                        figures.median((name, "idle-p95"), idle_column))
        return None if loaded is None or idle is None else loaded - idle
    whose = "idle" if idle_column == OWN else "the better line's idle"
    return Target(f"{name}: ping p95 above {whose} p95, ms", figure, most=most)


def share_target(name, whose, columns, least):
    def figure(figures):
        others = [figures.median((name, "goodput"), column) for column in columns]
        total = None if None in others else sum(others)
        return ratio(figures.median((name, "goodput"), OWN), total)
    return Target(f"{name}: goodput of {whose}", figure, least=least)


def count_target(name, key):
    what = "lost" if key == "voice-lost" else f"over {LATE_MS} ms late"
    return Target(f"{name}: voice, packets {what} in all runs",
                  lambda figures: figures.total((name, key), OWN), most=0)
