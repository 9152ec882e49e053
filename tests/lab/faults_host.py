"""Faults of the client's host: what users, DHCP, router advertisements and USB ports do to an
interface."""

import json

from fault import DeviceState, Fault


class HostFault(Fault):
    """Notes what the device has, so that the end can put it back."""

    seen = True
    touches = frozenset({"host"})

    def _begin(self):
        self.before = DeviceState(self.lab, self.link)
        self._change()

    def _end(self):
        self.before.restore()

    def _change(self):
        raise NotImplementedError

    def replace_routes(self, gateways):
        """Default routes by gateways {family: address}, in place of those that were there."""
        self.ip(*(f"route del {route}" for route in self.before.routes),
                *(f"route add {route._replace(gateway=gateways[route.family])}"
                  for route in self.before.routes))


class AdminDown(HostFault):
    """The device is set down; the kernel flushes routes and IPv6 addresses."""

    def _change(self):
        self.ip("link set {dev} down")


class AddressDeleted(HostFault):
    """All addresses go; the device stays up."""

    def _change(self):
        self.ip(*(f"addr del {address}/{length} {{dev}}"
                  for address, length in self.before.addresses))


class DefaultRouteGone(HostFault):
    """The default routes go; addresses stay."""

    def _change(self):
        self.ip(*(f"route del {route}" for route in self.before.routes))


class DeviceRecreated(HostFault):
    """The device is pulled out; at the end there is one of the same name with another index.

    It is moved to another namespace and back, which is what a removal and a new device look like
    from the client's. A move changes the index only where it is taken, so it is taken there."""

    def _change(self):
        text = self.lab.run(self.link.client, ["ip", "-j", "link", "show",
                                               self.link.device]).stdout
        index = str(json.loads(text)[0]["ifindex"])
        placeholder = f"h-{self.link.device}"
        # The number may be in use already, which does as well.
        self.lab.run("core", ["ip", "link", "add", placeholder, "index", index, "type", "veth",
                              "peer", "name", f"p-{self.link.device}"], check=False)
        self.ip(f"link set {{dev}} netns {self.lab.ns('core')}")
        self.lab.run("core", ["ip", "link", "del", placeholder], check=False)

    def _end(self):
        self.lab.run("core", ["ip", "link", "set", self.link.device, "netns",
                              self.lab.ns(self.link.client)], check=False)
        self.before.restore()


class AddressChanged(HostFault):
    """DHCP and router advertisements give addresses of another subnet."""

    path = "moved"
    touches = frozenset({"host", "subnet"})

    def _change(self):
        self.ip_router(f"addr replace {self.renumbered(self.link.gateway4)}/24 {{dev}}",
                       f"addr replace {self.renumbered(self.link.gateway6)}/64 {{dev}} nodad")
        self.lab.run("core", ["ip", "route", "replace", self.renumbered(self.link.prefix6), "via",
                              self.link.public6, "dev", self.link.router])
        self.ip(*(f"route del {route}" for route in self.before.routes))
        for address, length in self.before.addresses:
            self.ip(f"addr del {address}/{length} {{dev}}",
                    f"addr add {self.renumbered(address)}/{length} {{dev}}"
                    + (" nodad" if ":" in address else ""))
        self.ip(*(f"route add {route._replace(gateway=self.renumbered(route.gateway))}"
                  for route in self.before.routes))

    @staticmethod
    def renumbered(address):
        return address.replace("10.71.", "10.72.").replace("fd71:", "fd72:")


class GatewayChanged(HostFault):
    """The gateway is replaced by another: new address, new default routes; the old is silent."""

    path = "moved"
    touches = frozenset({"host", "subnet"})
    nobody = "02:71:00:00:ff:ff"

    def _change(self):
        new = {4: self.link.gateway4[:-1] + "254", 6: self.link.gateway6[:-1] + "fe"}
        self.ip_router(f"addr replace {new[4]}/24 {{dev}}",
                       f"addr replace {new[6]}/64 {{dev}} nodad")
        self.ip(*(f"neigh replace {gateway} lladdr {self.nobody} {{dev}} nud permanent"
                  for gateway in (self.link.gateway4, self.link.gateway6)))
        self.replace_routes(new)


class AddressDeprecated(HostFault):
    """The IPv6 address becomes deprecated, and another takes its place."""

    path = "poor"
    family = 6

    def _change(self):
        old = self.link.address6
        self.ip(f"addr add {old[:-1]}d/64 {{dev}} nodad",
                f"addr change {old}/64 {{dev}} preferred_lft 0 valid_lft 3600")

    def _end(self):
        super()._end()
        self.ip(f"addr change {self.link.address6}/64 {{dev}} "
                "preferred_lft forever valid_lft forever")


class AddressRotated(HostFault):
    """Privacy extensions (RFC 8981): a new temporary address, and the old one goes."""

    path = "moved"
    family = 6

    def _change(self):
        self._set_temporary(2)
        old = self.link.address6
        self.ip(f"addr add {old[:-1]}a/64 {{dev}} nodad mngtmpaddr", f"addr del {old}/64 {{dev}}")

    def _end(self):
        self._set_temporary(0)
        super()._end()

    def _set_temporary(self, value):
        self.lab.sysctl(self.link.client,
                        {f"net.ipv6.conf.{self.link.device}.use_tempaddr": value})


class AddressTentative(HostFault):
    """The IPv6 address is new and not yet known to be nobody else's (RFC 4862 5.4): 30 s long."""

    family = 6

    def _change(self):
        self._set(accept_dad=1, dad_transmits=30)
        old = f"{self.link.address6}/64 {{dev}}"
        self.ip(f"addr del {old}", f"addr add {old}")

    def _end(self):
        self._set(accept_dad=0, dad_transmits=1)
        self.ip(f"addr del {self.link.address6}/64 {{dev}}")
        super()._end()

    def _set(self, **values):
        self.lab.sysctl(self.link.client, {f"net.ipv6.conf.{self.link.device}.{key}": value
                                           for key, value in values.items()})


class StrictFilter(Fault):
    """Somebody sets the device's reverse-path filter to strict (RFC 3704)."""

    family = 4
    touches = frozenset({"host"})  # the setting goes with the device

    def _begin(self):
        keys = ("net.ipv4.conf.all.rp_filter", f"net.ipv4.conf.{self.link.device}.rp_filter")
        self._before = {key: self.lab.run(self.link.client, ["sysctl", "-n", key]).stdout.strip()
                        for key in keys}
        self.lab.sysctl(self.link.client, {keys[0]: 0, keys[1]: 1})

    def _end(self):
        self.lab.sysctl(self.link.client, self._before)


HOST_FAULTS = {
    "admin_down": AdminDown,
    "address_deleted": AddressDeleted,
    "address_changed": AddressChanged,
    "device_recreated": DeviceRecreated,
    "default_route_gone": DefaultRouteGone,
    "gateway_changed": GatewayChanged,
    "address_tentative": AddressTentative,
    "address_deprecated": AddressDeprecated,
    "address_rotated": AddressRotated,
    "strict_filter": StrictFilter,
}
