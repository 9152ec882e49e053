"""The longest gaps of the streams around each fault, by fault."""

WINDOW_S = 3  # after the begin, and after the end, of a fault


class GapTable:
    """Collects a gap for each begin and each end of a fault, once its window has passed. A gap that
    began while no other uplink worked counts for no fault."""

    def __init__(self):
        self._open = []  # fault, column, begin
        self._gaps = {}  # kind: {fault: ([s at begins], [s at ends])}
        self._excused = set()

    def begin(self, event, now, others_work):
        if event.outage or not others_work:
            self._excused.add(event)
        else:
            self._open.append((event.fault, 0, now))

    def end(self, event, now):
        if event not in self._excused:
            self._open.append((event.fault, 1, now))

    def measure(self, streams, now):
        """Measures the windows that have passed; `streams` is {kind: Stream}."""
        passed = [window for window in self._open if window[2] + WINDOW_S <= now]
        for fault, column, begin in passed:
            for kind, stream in streams.items():
                gap = stream.longest_gap(begin, begin + WINDOW_S)
                faults = self._gaps.setdefault(kind, {})
                faults.setdefault(fault, ([], []))[column].append(gap)
            self._open.remove((fault, column, begin))

    def text(self):
        columns = f"{'p50':>7}{'p95':>7}{'max':>7}"
        lines = []
        for kind, faults in self._gaps.items():
            lines.append(f"{f'gaps of {kind} in ms':20}{'begins':>8}{columns}{'ends':>8}{columns}")
            lines += [f"{fault:20}" + "".join(map(figures, gaps))
                      for fault, gaps in sorted(faults.items())]
        return "\n".join(lines)


def figures(gaps):
    if not gaps:
        return f"{0:8}{'-':>7}{'-':>7}{'-':>7}"
    ordered = sorted(gap * 1e3 for gap in gaps)
    spots = [ordered[int(share * (len(ordered) - 1) + 0.5)] for share in (0.5, 0.95, 1)]
    return f"{len(ordered):8}" + "".join(f"{spot:7.0f}" for spot in spots)
