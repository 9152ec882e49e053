"""Whether traffic stands still although it need not. Pure: it is told events, progress and time."""

FREEZE_S = 3           # noticed within 2 s, and then made anew
OUTAGE_S = 5           # after more than that without any uplink, lanes are gone and must be re-made
AFTER_OUTAGE_S = 3     # which may take so much longer
SLOW_S = 15            # while a link still carries: what a faster one held goes over a slow one
CARRIES_BYTES_S = 15_000
INNER_S = 30           # TCP inside, which waits for its own timer after a loss
INNER_BACKOFF = 2      # and as long again as it was cut off


class Watch:
    """Notices freezes: no progress although some uplink has had no fault for FREEZE_S.

    Datagrams show the tunnel itself: FREEZE_S, but SLOW_S while the uplinks without a fault carry
    something; then it is slow, which the table of gaps tells. TCP inside is slower still: it backs
    off while nothing passes (RFC 6298 5.5) and may lose packets with a connection that is made
    anew."""

    def __init__(self, names, carried):
        """carried(name) yields the bytes that an uplink has carried so far, both ways."""
        self._carried = carried
        self._faults = {name: set() for name in names}
        self._well_since = {name: float("-inf") for name in names}
        self._cut_since = None
        self._last_cut = 0.0  # how long the last time without any uplink was
        self._cut_end = float("-inf")
        self._frozen = set()
        self._mark = None     # when datagrams stood still, and what each uplink had carried

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
        `last_progress` is {kind: when it last moved}. To be asked several times a second."""
        self._frozen = {kind for kind in self._frozen if now - last_progress.get(kind, now)
                        >= FREEZE_S}
        found = [kind for kind, moved in last_progress.items()
                 if (self._datagrams_frozen if kind == "udp" else self._inner_frozen)(moved, now)]
        is_new = found and not self._frozen
        self._frozen.update(found)
        if not is_new:
            return None
        still = max(now - last_progress[kind] for kind in found)
        return (f"freeze: {' and '.join(found)} for {still:.1f} s, while "
                f"{' and '.join(self._well())} had no fault")

    def _datagrams_frozen(self, moved, now):
        well = self._well()
        works_for = now - min((self._well_since[name] for name in well), default=now)
        after_outage = moved <= self._cut_end and self._last_cut > OUTAGE_S
        patience = FREEZE_S + (AFTER_OUTAGE_S if after_outage else 0)
        still = min(now - moved, works_for)
        if still <= FREEZE_S / 2:
            self._mark = None
            return False
        self._mark = self._mark or (now, {name: self._carried(name) for name in self._faults})
        return still > patience and (still > SLOW_S or not self._carries(well, now))

    def _carries(self, well, now):
        since, before = self._mark
        carried = sum(self._carried(name) - before[name] for name in well)
        return carried > CARRIES_BYTES_S * (now - since)

    def _inner_frozen(self, moved, now):
        backoff = INNER_BACKOFF * self._last_cut if moved <= self._cut_end else 0
        return self._well() and now - max(moved, self._cut_end) > INNER_S + backoff
