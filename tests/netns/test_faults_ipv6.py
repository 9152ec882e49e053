#!/usr/bin/python3
"""Uplinks of one family each, wifi with IPv6 and lte with IPv4 only: what happens to IPv6 addresses
is hardly noticed by an inner connection with a message every 10 ms."""

import unittest

from tunnel import endpoint6

from fault import keep_families
from fault_case import HOST_SEES_S, SILENT_S, FaultCase


class Ipv6Faults(FaultCase):
    tunnel_settings = {"endpoint": lambda lab: [endpoint6(lab), f"{lab.server4}:8684"],
                       # The stream returns to wifi, which gets the faults.
                       "client_settings": {"policy": "handover"}}

    @classmethod
    def prepare(cls):
        keep_families(cls.lab, "wifi", (6,))
        keep_families(cls.lab, "lte", (4,))

    def test_the_address_is_tentative_for_a_while(self):
        self.endure("address_tentative", HOST_SEES_S, "wifi")

    def test_the_address_is_deprecated_and_another_preferred(self):
        self.endure("address_deprecated", HOST_SEES_S, "wifi")

    def test_privacy_extensions_replace_the_address(self):
        self.endure("address_rotated", HOST_SEES_S, "wifi")

    def test_the_prefix_changes_and_later_the_old_one_is_back(self):
        self.endure("address_changed", HOST_SEES_S, "wifi")

    def test_the_gateway_is_replaced_by_another_and_later_by_the_old_one(self):
        self.endure("gateway_changed", HOST_SEES_S, "wifi")

    def test_the_modem_is_pulled_out_and_comes_back_with_another_index(self):
        self.endure("device_recreated", HOST_SEES_S, "wifi")

    def test_the_interface_is_set_down_and_up(self):
        self.endure("admin_down", HOST_SEES_S, "wifi")

    def test_all_packets_vanish(self):
        self.endure("blackhole", SILENT_S, "wifi")


if __name__ == "__main__":
    unittest.main(verbosity=2)
