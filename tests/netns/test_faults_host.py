#!/usr/bin/python3
"""What the host itself sees of an uplink that goes, changes or comes back: an inner connection with
a message every 10 ms hardly notices."""

import unittest

from fault_case import HOST_SEES_S, FaultCase


class HostFaults(FaultCase):
    def test_the_cable_is_pulled_and_plugged_with_the_address_kept(self):
        self.endure("carrier_lost", HOST_SEES_S)

    def test_the_interface_is_set_down_and_up(self):
        self.endure("admin_down", HOST_SEES_S)

    def test_the_addresses_are_deleted_and_added_again(self):
        self.endure("address_deleted", HOST_SEES_S)

    def test_dhcp_gives_an_address_of_another_subnet_and_later_the_old_one(self):
        self.endure("address_changed", HOST_SEES_S)

    def test_the_modem_is_pulled_out_and_comes_back_under_its_name_with_another_index(self):
        self.endure("device_recreated", HOST_SEES_S)

    def test_the_default_route_vanishes_and_comes_back(self):
        self.endure("default_route_gone", HOST_SEES_S)

    def test_the_gateway_is_replaced_by_another_and_later_by_the_old_one(self):
        self.endure("gateway_changed", HOST_SEES_S)


if __name__ == "__main__":
    unittest.main(verbosity=2)
