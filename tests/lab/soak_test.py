#!/usr/bin/python3
"""The plan of a soak keeps its rules, whatever the seed; its watch knows a freeze."""

import unittest

from faults import FAULTS
from soak_plan import (ALL_DEAD_S, QUIET_S, Event, choose_links, longest_all_dead, make_plan,
                       overlap)
from soak_watch import Watch

SECONDS = 1800
SEEDS = range(20)


class SoakPlan(unittest.TestCase):
    def test_a_seed_gives_the_same_plan_again_and_another_seed_another(self):
        def plan(seed):
            return make_plan(seed, SECONDS, choose_links(seed))
        self.assertEqual(plan(7), plan(7))
        self.assertNotEqual(plan(7), plan(8))

    def test_a_longer_soak_begins_like_a_shorter_one(self):
        links = choose_links(7)
        short, long = make_plan(7, 600, links), make_plan(7, 1200, links)
        self.assertEqual([event for event in long if event.end <= 600 - QUIET_S], short)

    def test_every_fault_happens(self):
        happened = {event.fault for seed in SEEDS
                    for event in make_plan(seed, SECONDS, choose_links(seed))}
        self.assertEqual(happened, set(FAULTS))

    def test_some_link_works_but_for_a_few_seconds_and_for_outages(self):
        for seed in SEEDS:
            links = choose_links(seed)
            events = [event for event in make_plan(seed, SECONDS, links) if not event.outage]
            self.assertLessEqual(longest_all_dead(events, links), ALL_DEAD_S)

    def test_faults_that_touch_the_same_thing_of_a_link_follow_each_other(self):
        for seed in SEEDS:
            events = make_plan(seed, SECONDS, choose_links(seed))
            for i, one in enumerate(events):
                for other in events[i + 1:]:
                    if one.link == other.link and overlap(one, other):
                        self.assertFalse(one.kind.touches & other.kind.touches, (one, other))


class Freezes(unittest.TestCase):
    def setUp(self):
        self.carried = 0
        self.watch = Watch(("wifi1", "lte2"), lambda name: self.carried)

    def fault(self, link, begin, end, name="blackhole"):
        event = Event(begin, end, name, link)
        self.watch.begin(event, begin)
        self.watch.end(event, end)

    def test_traffic_that_stands_still_beside_a_working_uplink_is_one(self):
        self.assertIsNone(self.watch.freeze({"udp": 10}, 12.9))
        self.assertIn("udp", self.watch.freeze({"udp": 10}, 13.1))

    def test_it_is_told_once_until_traffic_moves_again(self):
        self.assertTrue(self.watch.freeze({"udp": 10, "tcp": 10.5}, 13.1))
        self.assertIsNone(self.watch.freeze({"udp": 10, "tcp": 10.5}, 13.6))
        self.assertIsNone(self.watch.freeze({"udp": 14, "tcp": 14}, 14.1))
        self.assertFalse(self.watch.is_frozen())
        self.assertTrue(self.watch.freeze({"udp": 14, "tcp": 14}, 17.1))

    def test_without_any_uplink_nothing_can_move(self):
        for link in ("wifi1", "lte2"):
            self.watch.begin(Event(10, 20, "blackhole", link), 10)
        self.assertIsNone(self.watch.freeze({"udp": 10}, 19))

    def test_an_uplink_that_is_back_has_its_time_too(self):
        self.watch.begin(Event(0, 99, "blackhole", "lte2"), 0)
        self.fault("wifi1", 10, 14)
        self.assertIsNone(self.watch.freeze({"udp": 10}, 16.9))
        self.assertTrue(self.watch.freeze({"udp": 10}, 17.1))

    def test_an_uplink_that_carries_what_another_held_is_slow_for_a_while(self):
        moves = iter(range(0, 10**9, 10_000))  # 20 kB of a link's two ways, each time it is asked
        watch = Watch(("wifi1",), lambda name: next(moves))
        self.assertIsNone(watch.freeze({"udp": 10}, 12.5))
        self.assertIsNone(watch.freeze({"udp": 10}, 13.1))
        self.assertIn("udp", watch.freeze({"udp": 10}, 25.1))

    def test_tcp_inside_may_back_off_after_an_outage(self):
        self.watch.begin(Event(0, 99, "blackhole", "lte2"), 0)
        self.fault("wifi1", 10, 14)
        self.assertIsNone(self.watch.freeze({"tcp": 10}, 51))
        self.assertTrue(self.watch.freeze({"tcp": 10}, 53))

    def test_tcp_that_has_moved_since_the_outage_gets_no_more_patience(self):
        self.watch.begin(Event(0, 99, "blackhole", "lte2"), 0)
        self.fault("wifi1", 10, 14)
        self.assertTrue(self.watch.freeze({"tcp": 20}, 50.1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
