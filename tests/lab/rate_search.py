"""The highest offered rate that comes through: a search by steps. Pure."""

import math

GROWTH = 1.6     # from one step to the next while all goes well
PRECISION = 1.1  # between what went well and what did not, when the search ends
SENT_SHARE = 0.9
TRIES = 2        # of an offer, before it counts as not having come through: others disturb


class RateSearch:
    """Offers rise until one does not come through, or fall until one does; then the space between
    is halved until it is small. Rates may be in any unit."""

    def __init__(self, start, most_loss, most_trials=24):
        self._start, self._most_loss, self._left = start, most_loss, most_trials
        self._passed = self._failed = self._again = None
        self.best = None  # the highest rate that arrived with no more loss than allowed

    def offer(self):
        """What to try next; None when the search has ended."""
        if not self._left:
            return None
        if self._again:
            return self._again[0]
        if self._passed is None and self._failed is None:
            return self._start
        if self._failed is None:
            return self._passed * GROWTH
        if self._passed is None:
            return self._failed / GROWTH ** 2
        if self._failed / self._passed <= PRECISION:
            return None
        return math.sqrt(self._failed * self._passed)

    def note(self, offered, sent, arrived, loss):
        """What came of the offer: the rates sent and arrived, and the share that was lost. An offer
        that the sender itself does not reach ends the rise, but what has arrived counts. Yields
        whether it is the best so far."""
        self._left -= 1
        is_best = loss <= self._most_loss and (self.best is None or arrived > self.best)
        if is_best:
            self.best = arrived
        tried = 1 + (self._again[1] if self._again else 0)
        self._again = None
        if loss <= self._most_loss and sent >= SENT_SHARE * offered:
            self._passed = offered
        elif tried < TRIES:
            self._again = offered, tried
        else:
            self._failed = offered
        return is_best
