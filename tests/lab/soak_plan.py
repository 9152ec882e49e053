"""Which faults a soak lets happen when, and to which links: all of it follows from a seed. Pure."""

import random
from typing import NamedTuple

from faults import FAULTS

PROFILES = ("wifi", "lte", "dsl", "lossy")
FAMILIES = ((4,), (6,), (4, 6))
QUIET_S = 5               # without faults, at the beginning and at the end
ALL_DEAD_S = 5            # longest time without any working link, but for an outage
OUTAGE_S = (8, 15)        # all links at once, on purpose
OUTAGE_SHARE = 0.01
OVERLAP_SHARE = 0.4       # of the faults begin soon after the one before
STALL_S = (0.05, 0.4)
SPANS_S = ((0.2, 1), (1, 5), (5, 15))
PAUSE_S = (1, 8)


class SoakLink(NamedTuple):
    """An uplink of a soak, and the families that it has outside."""

    name: str
    profile: str
    families: tuple


class Event(NamedTuple):
    """A fault of a link, with its begin and end in seconds from the start."""

    begin: float
    end: float
    fault: str
    link: str
    outage: bool = False

    @property
    def kind(self):
        return FAULTS[self.fault]

    def __str__(self):
        return f"{self.begin:8.1f} to {self.end:8.1f} s  {self.link:7} {self.fault}"


def choose_links(seed):
    """Yields two to four links, mostly unlike each other."""
    choice = random.Random(f"links {seed}")
    profiles = choice.choices(PROFILES, k=choice.randint(2, 4))
    return [SoakLink(f"{profile}{number}", profile, choice.choice(FAMILIES))
            for number, profile in enumerate(profiles, 1)]


def make_plan(seed, seconds, links):
    """Yields the events of so long a soak, by their begin."""
    choice = random.Random(f"faults {seed}")
    events, now = [], QUIET_S
    while now < seconds - QUIET_S:
        if choice.random() < OUTAGE_SHARE:
            events += outage(choice, now, events, links)
        else:
            link = choice.choice(links)
            fault = choice.choice([name for name, kind in FAULTS.items()
                                   if kind.family in (None, *link.families)])
            span = STALL_S if fault == "stall" else choice.choice(SPANS_S)
            event = Event(now, now + choice.uniform(*span), fault, link.name)
            if is_allowed(event, events, links):
                events.append(event)
        now += choice.uniform(0.05, 1) if choice.random() < OVERLAP_SHARE else choice.uniform(
            *PAUSE_S)
    return [event for event in events if event.end <= seconds - QUIET_S]


def outage(choice, now, events, links):
    """A blackhole of all links, or nothing when one of them has one already."""
    end = now + choice.uniform(*OUTAGE_S)
    gone = [Event(now, end, "blackhole", link.name, True) for link in links]
    return gone if all(touches_nothing(event, events) for event in gone) else []


def touches_nothing(event, others):
    """Whether no fault of the same link and the same thing lasts at that time."""
    return not any(other.link == event.link and overlap(event, other)
                   and other.kind.touches & event.kind.touches for other in others)


def overlap(one, other):
    return one.begin < other.end and other.begin < one.end


def is_allowed(event, events, links):
    if not touches_nothing(event, events):
        return False
    recent = [other for other in events
              if not other.outage and other.end > event.begin - ALL_DEAD_S]
    return longest_all_dead([*recent, event], links) <= ALL_DEAD_S


def longest_all_dead(events, links):
    """Yields the longest time, in s, in which no link works."""
    dead = [event for event in events if event.kind.path == "dead"]
    marks = sorted({mark for event in dead for mark in (event.begin, event.end)})
    longest = current = 0
    for begin, end in zip(marks, marks[1:]):
        down = {event.link for event in dead if event.begin <= begin and end <= event.end}
        current = current + end - begin if len(down) == len(links) else 0
        longest = max(longest, current)
    return longest
