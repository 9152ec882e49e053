"""Radio links as files for linkem's `trace`: the milliseconds at which a packet of 1500 bytes may
leave. Pure; the same seed makes the same link."""

import random

PACKET_BITS = 1500 * 8
STALL_MS = (50, 400)
BETWEEN_STALLS_MS = (2000, 5000)
STEP_MS = 20
WALK_MBPS = 4  # standard deviation of the rate's change in a step
LEAST_MBPS, MOST_MBPS = 0.5, 60


def opportunities(rates_mbps):
    """The file's lines for a list with the rate of each ms. The last ms gets one in any case: it is
    the period."""
    times, credit = [], 0.0
    for ms, rate in enumerate(rates_mbps):
        credit += rate * 1000 / PACKET_BITS
        times += [ms] * int(credit)
        credit -= int(credit)
    times.append(len(rates_mbps))
    return "".join(f"{time}\n" for time in times)


def stalling(seed, period_ms, mbps):
    """A steady rate that stops for 50 to 400 ms every few seconds: packets are held, not lost."""
    source, rates = random.Random(seed), []
    while len(rates) < period_ms:
        rates += [mbps] * source.randint(*BETWEEN_STALLS_MS) + [0] * source.randint(*STALL_MS)
    return opportunities(rates[:period_ms])


def cellular(seed, period_ms, share=1.0):
    """A rate that walks at random between 0.5 and 60 Mbit/s, in steps of 20 ms, times `share`."""
    source, rate, rates = random.Random(seed), 25.0, []
    while len(rates) < period_ms:
        rate = min(MOST_MBPS, max(LEAST_MBPS, rate + source.gauss(0, WALK_MBPS)))
        rates += [rate * share] * STEP_MS
    return opportunities(rates[:period_ms])
