#!/usr/bin/python3
"""What happens to an uplink behind the first hop, where the host sees nothing of it: an inner
connection with a message every 10 ms hardly notices."""

import unittest

from fault_case import SILENT_S, FaultCase


class PathFaults(FaultCase):
    def test_all_packets_vanish(self):
        self.endure("blackhole", SILENT_S)

    def test_what_the_client_sends_vanishes(self):
        self.endure("blackhole_up", SILENT_S)

    def test_what_the_server_sends_vanishes(self):
        self.endure("blackhole_down", SILENT_S)

    def test_wifi_is_associated_but_its_router_forwards_nothing(self):
        self.endure("no_forwarding", SILENT_S)

    def test_a_captive_portal_resets_every_connection(self):
        self.endure("portal_reset", SILENT_S)

    def test_a_captive_portal_answers_itself_and_says_nothing(self):
        self.endure("portal_silent", SILENT_S)

    def test_the_nat_gives_other_ports(self):
        self.endure("nat_rebinding", SILENT_S)

    def test_the_carrier_forgets_its_mappings_without_a_word(self):
        self.endure("nat_timeout", 2 * SILENT_S)  # usually 0.3


class RadioFaults(FaultCase):
    """In a tunnel of its own: what is learnt here makes the guard more patient for a while."""

    def test_packets_are_lost_in_bursts(self):
        # Nobody promises to hide a bad link, and one that flaps is left alone for 2 s, each time for
        # twice as long.
        self.endure("burst_loss", 2 * SILENT_S, back_s=12)

    def test_a_radio_link_stalls_for_a_moment(self):
        self.endure("stall", SILENT_S, held_s=0.3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
