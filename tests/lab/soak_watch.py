"""Whether traffic stands still although it need not. Pure: it is told events, progress and time."""

FREEZE_S = 2
OUTAGE_S = 5           # after more than that without any uplink, lanes are gone and must be re-made
AFTER_OUTAGE_S = 3     # which may take so much longer
INNER_BACKOFF = 2      # TCP inside waits as long as it was cut off, before it tries again


class Watch:
    """Notices freezes: no progress for FREEZE_S although some uplink has had no fault for as long.

    Datagrams show the tunnel itself. TCP inside backs off while nothing passes (RFC 6298 5.5),
    which is not the tunnel's: it gets more patience when it has not moved since an outage."""

    def __init__(self, names):
        self._faults = {name: set() for name in names}
        self._well_since = {name: float("-inf") for name in names}
        self._cut_since = None
        self._last_cut = 0.0  # how long the last time without any uplink was
        self._cut_end = float("-inf")
        self._frozen = set()

    def begin(self, event, now):
        if event.kind.path == "moved":
            # The path works again at once, for what is made anew.
            self._well_since[event.link] = now
            return
        self._faults[event.link].add(event)
        if not self._well() and self._cut_since is None:
            self._cut_since = now

    def end(self, event, now):
        self._faults[event.link].discard(event)
        self._well_since[event.link] = now
        if self._well() and self._cut_since is not None:
            self._last_cut, self._cut_end, self._cut_since = now - self._cut_since, now, None

    def is_frozen(self):
        """Whether the freeze that was told of lasts."""
        return bool(self._frozen)

    def works_besides(self, link):
        """Whether any other uplink has no fault."""
        return any(name != link for name in self._well())

    def _well(self):
        return [name for name, faults in self._faults.items() if not faults]

    def freeze(self, last_progress, now):
        """Yields a text when a freeze has just begun, once until all that froze moves again;
        `last_progress` is {kind: when it last moved}."""
        self._frozen = {kind for kind in self._frozen if now - last_progress.get(kind, now)
                        >= FREEZE_S}
        well = self._well()
        works_for = now - min((self._well_since[name] for name in well), default=now)
        found = [kind for kind, moved in last_progress.items()
                 if min(now - moved, works_for) > self._patience(kind, moved)]
        is_new = found and not self._frozen
        self._frozen.update(found)
        if not is_new:
            return None
        still = max(now - last_progress[kind] for kind in found)
        return (f"freeze: {' and '.join(found)} for {still:.1f} s, while {' and '.join(well)} "
                f"had no fault")

    def _patience(self, kind, moved):
        if moved > self._cut_end:
            return FREEZE_S
        patience = FREEZE_S + (AFTER_OUTAGE_S if self._last_cut > OUTAGE_S else 0)
        return patience if kind == "udp" else patience + INNER_BACKOFF * self._last_cut
