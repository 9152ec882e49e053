"""One tunnel and one inner connection for a class of tests, each of them a fault and its end."""

import sys
import time
import unittest

from tunnel import TRAFFIC, Tunnel

from faults import make
from machine import fairly
from stream import Stream

HOST_SEES_S = 0.3  # longest gap of the stream where the host is told
SILENT_S = 0.8     # and where it is not; usually 0.1 to 0.2, the kernel alone takes 1 s and more
BACK_S = 2         # from the end of a fault until the uplink carries traffic again
HELD_S = 1.2       # how long a fault lasts
AFTER_S = 0.7      # how long the stream is watched after its end
CARRIES_BYTES = 100_000
REST_S = 20        # for the tunnel to come to rest, between tests


class FaultCase(unittest.TestCase):
    """The stream runs over one of the uplinks: that one gets the fault, unless another is named."""

    uplinks = ("wifi", "lte")
    tunnel_settings = {}

    @classmethod
    def setUpClass(cls):
        cls.tunnel = Tunnel(uplinks=cls.uplinks, **cls.tunnel_settings)
        cls.tunnel.__enter__()
        cls.addClassCleanup(cls.tunnel.__exit__)
        cls.lab, cls.client = cls.tunnel.lab, cls.tunnel.client
        cls.prepare()
        cls.lab.traffic_server("internet", "tcp-server", "5001")
        cls.tunnel.start()
        cls.stream = Stream(cls.lab, cls.lab.internet4, "5001")

    @classmethod
    def prepare(cls):
        """Changes the lab before the tunnel starts."""

    def setUp(self):
        self.client.wait_active(*(link.device for link in self.lab.links.values()), timeout=REST_S)
        self.stream.settle(REST_S)

    def endure(self, name, bound_s, link=None, held_s=HELD_S, back_s=BACK_S):
        """Lets the stream go through a fault and its end, and asserts what a user is promised."""
        def measure():
            self.setUp()  # for the second time, too
            return self.go_through(name, link or self.carrying(), held_s)

        def check(outcome, ease):
            gap, back = outcome
            self.assertLess(gap, bound_s * ease)
            self.assertLess(back, back_s * ease, "does not carry again")

        fairly(measure, check)

    def go_through(self, name, link, held_s):
        """Yields the longest gap, and how soon the uplink carries again, in s."""
        began = time.monotonic()
        with make(name, self.lab, link) as fault:
            time.sleep(held_s)
            during = self.stream.longest_gap(began, time.monotonic())
            told = self.is_told(link, fault.seen) if fault.path == "dead" else True
            if fault.path == "moved":
                self.wait_carries(link, began + held_s)
        ended = time.monotonic()
        time.sleep(AFTER_S)
        after = self.stream.longest_gap(ended, time.monotonic())
        back = self.wait_carries(link, ended)
        print(f"{name} on {link}: gap {during * 1e3:.0f} ms, at its end {after * 1e3:.0f} ms, "
              f"carries after {back:.1f} s", flush=True)
        self.assertTrue(told, f"status does not tell that {link} does not work")
        self.assertIsNone(self.stream.broken())
        return max(during, after), back

    def carrying(self):
        """The uplink that the stream runs over."""
        def sent():
            return {name: self.lab.link_stats(name)["up"]["bytes"] for name in self.lab.links}
        before = sent()
        time.sleep(0.3)
        after = sent()
        return max(after, key=lambda name: after[name] - before[name])

    def is_told(self, link, seen):
        """Whether status says that the uplink does not work, and why."""
        uplink = self.client.uplink(link)
        works = uplink["state"] in ("active", "standby")
        return (uplink["state"] == "down" if seen else not works) and bool(uplink["reason"])

    def wait_carries(self, link, since):
        """Downloads until the uplink has had its part of it; yields the seconds since then."""
        def carried():
            return self.lab.link_stats(link)["down"]["bytes"]

        before, longest_s = carried(), 10 * BACK_S
        download = self.lab.popen("client", [sys.executable, TRAFFIC, "download",
                                             self.lab.internet4, "5001",
                                             "--seconds", str(longest_s)])
        try:
            self.lab.wait_for(lambda: carried() - before >= CARRIES_BYTES, longest_s,
                              f"{link} carries again")
            return time.monotonic() - since
        finally:
            self.lab.stop(download)
