"""A client whose connection nothing carries looks for another one, before it gives up the old."""

import time
import unittest

from tunnel import Tunnel

from faults import make
from machine import fairly
from stream import Stream

NO_JOINS = """table inet fault { chain pass { type filter hook forward priority 0;
                                              tcp option mptcp subtype 1 drop; }; }"""
MOVES_S = 3  # silence noticed, a second of doubt, a connection
REST_S = 20


class FurtherLane(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel(uplinks=("wifi", "lte"))
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client = self.tunnel.lab, self.tunnel.client
        self.lab.traffic_server("internet", "tcp-server", "5001")

    def test_an_uplink_that_takes_no_joins_carries_by_a_connection_of_its_own(self):
        self.lab.run(self.lab.links["lte"].router, ["nft", "-f", "-"], input=NO_JOINS)
        self.tunnel.server.start()
        self.client.start()
        self.client.wait_active("wifi")
        stream = Stream(self.lab, self.lab.internet4, "5001")

        def blackhole_wifi():
            self.client.wait_active("wifi", timeout=REST_S)
            stream.settle(REST_S)
            self.assertNotIn(self.client.uplink("lte")["state"], ("active", "standby"))
            began = time.monotonic()
            with make("blackhole", self.lab, "wifi"):
                self.lab.wait_for(lambda: self.client.uplink("lte")["state"] == "active", REST_S,
                                  "lte active", interval=0.1)
                time.sleep(1)
                gap = stream.longest_gap(began, time.monotonic())
            self.assertIsNone(stream.broken())
            print(f"the stream moved to lte after {gap:.2f} s", flush=True)
            return gap

        fairly(blackhole_wifi, lambda gap, ease: self.assertLess(gap, MOVES_S * ease), tries=1)

    def test_a_server_that_was_restarted_meanwhile_is_reached_at_once(self):
        self.tunnel.start()

        def restart_out_of_reach():
            with make("blackhole", self.lab, "wifi"):
                with make("blackhole", self.lab, "lte"):
                    self.tunnel.server.stop()
                    self.tunnel.server.start()
                    time.sleep(2)
                back = time.monotonic()
                self.client.wait_active("lte", timeout=REST_S)
                took = time.monotonic() - back
            print(f"up again {took:.2f} s after lte was back", flush=True)
            return took

        fairly(restart_out_of_reach, lambda took, ease: self.assertLess(took, MOVES_S * ease),
               tries=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
