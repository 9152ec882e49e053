"""A line that the lab emulates for a benchmark, by its figures. Pure."""

import re
from dataclasses import dataclass

QUEUE_MS = 100  # what an ordinary line's buffer takes, at its rate
TEXT = re.compile(r"(?P<rate>\d+)M (?P<delay>\d+)(?:±(?P<jitter>\d+))?(?: (?P<loss>[\d.]+)%)?")


@dataclass(frozen=True)
class Line:
    """Delay and jitter are one-way and, like the losses, the same both ways."""

    down_mbit: int
    up_mbit: int
    delay_ms: int
    jitter_ms: int = 0
    loss_percent: float = 0
    queue_ms: int = QUEUE_MS

    @classmethod
    def parse(cls, text):
        """'50M 20', or '40M 30±5 0.5%': rate each way, delay and jitter in ms, losses. ValueError
        when it is not of that form."""
        found = TEXT.fullmatch(text)
        if not found:
            raise ValueError(f"not a line: {text}")
        rate, delay, jitter = (int(found[key] or 0) for key in ("rate", "delay", "jitter"))
        return cls(rate, rate, delay, jitter, float(found["loss"] or 0))

    def settings(self, way):
        """Of one direction, all of them, in linkem's words."""
        rate = self.down_mbit if way == "down" else self.up_mbit
        return {"rate": f"{rate}M", "delay": f"{self.delay_ms}ms", "jitter": f"{self.jitter_ms}ms",
                "loss": f"{self.loss_percent:g}%", "queue": f"{self.queue_ms}ms"}

    @property
    def longest_ms(self):
        """The way of a packet that waits in no queue, at most."""
        return self.delay_ms + self.jitter_ms
