"""The pairs of lines of `bench links`. Pure."""

import math
from dataclasses import dataclass

from line import Line

WARM_UP_ROUND_TRIPS = 10


@dataclass(frozen=True)
class Pair:
    name: str
    lines: tuple



def texts_of(pair):
    """'2x 50M 20' stands for the same line twice."""
    return 2 * [pair.removeprefix("2x ")] if pair.startswith("2x ") else pair.split(" + ")


def warm_up_s(lines, least_s):
    """Until TCP has found its rate over the longest of these, which takes `least_s` over a short one:
    whole seconds."""
    round_trip_s = 2e-3 * max(line.longest_ms for line in lines)
    return math.ceil(least_s + WARM_UP_ROUND_TRIPS * round_trip_s)


PAIRS = {str(number): Pair(text, tuple(map(Line.parse, texts_of(text))))
         for number, text in enumerate((
             "2x 50M 20", "50M 20 + 50M 40", "50M 20 + 50M 70", "50M 20 + 50M 120",
             "50M 20 + 50M 320", "2x 50M 20±5", "2x 50M 20±20", "2x 50M 20 0.5%", "2x 50M 20 2%",
             "50M 20 + 12M 20", "100M 20 + 10M 20", "40M 30±5 0.5% + 25M 45±8 0.5%",
             "300M 8 + 30M 40±8 0.5%", "40M 35±8 + 100M 50±25 1%", "40M 35 + 20M 320±20 0.5%",
             "20M 50±20 2% + 15M 60±25 2%"), 1)}
