"""What every fault of a link is: it begins and ends, and means something to who uses the link."""

import json
from typing import NamedTuple

from netns import ip_batch

DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def ip_on_device(netns, device, lines):
    ip_batch([line.replace("{dev}", f"dev {device}") for line in lines], netns)


class Fault:
    """A fault of one link. begin() and end() may be repeated; end() puts all back.

    `path` tells what it does to the link meanwhile:
      dead    nothing passes until the end
      moved   what was there is cut off at once; a connection that is made anew works
      poor    packets still pass, some late, some not at all
    `seen` tells whether the host is told of it. Faults of one link may overlap when they `touch`
    different things."""

    path = "dead"
    seen = False
    family = None  # the one that it needs; both or either when None
    touches = frozenset()

    def __init__(self, lab, name):
        self.lab, self.link = lab, lab.link(name)
        self._active = False

    def begin(self):
        if not self._active:
            self._active = True  # first: a begin() that fails half-way is put back too
            self._begin()

    def end(self):
        if self._active:
            self._end()
            self._active = False

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, *_):
        self.end()

    def _begin(self):
        raise NotImplementedError

    def _end(self):
        raise NotImplementedError

    # The client's host

    def ip(self, *lines):
        """Runs `ip` commands on the client; {dev} stands for its device."""
        ip_on_device(self.lab.ns(self.link.client), self.link.device, lines)

    def ip_router(self, *lines):
        """The same on the router; {dev} is its end of the link."""
        ip_on_device(self.lab.ns(self.link.router), self.link.router, lines)


class Route(NamedTuple):
    """A default route through a device; as text, the arguments of `ip route`."""

    prefix: str
    gateway: str
    metric: int

    def __str__(self):
        return f"{self.prefix} via {self.gateway} {{dev}} metric {self.metric}"

    @property
    def family(self):
        return 6 if ":" in self.prefix else 4


def keep_families(lab, name, families):
    """Takes the addresses and default routes of the other families away from an uplink."""
    link = lab.link(name)
    state = DeviceState(lab, link)
    lines = [f"route del {route}" for route in state.routes if route.family not in families]
    lines += [f"addr del {address}/{length} {{dev}}" for address, length in state.addresses
              if (6 if ":" in address else 4) not in families]
    ip_on_device(lab.ns(link.client), link.device, lines)


class DeviceState:
    """What the client's host has set up on a device, to be put back after a fault."""

    def __init__(self, lab, link):
        self._lab, self._link = lab, link
        dev = ["dev", link.device]
        self.addresses = [(address["local"], address["prefixlen"])
                          for entry in self._show("addr", "show", *dev)
                          for address in entry.get("addr_info", ()) if address["scope"] != "link"]
        self.neighbours = [(entry["dst"], entry["lladdr"])
                           for entry in self._show("neigh", "show", "nud", "permanent", *dev)]
        self.routes = [Route(DEFAULT[family], entry["gateway"], entry["metric"])
                       for family in (4, 6)
                       for entry in self._show(f"-{family}", "route", "show", "default", *dev)]

    def _show(self, *words):
        text = self._lab.run(self._link.client, ["ip", "-j", *words]).stdout
        return [entry for entry in json.loads(text or "[]") if entry]

    def restore(self):
        """Brings addresses, neighbours and default routes back to what they were, as DHCP would."""
        now = DeviceState(self._lab, self._link)
        lines = ["link set {dev} up"]
        lines += [f"route del {route}" for route in now.routes if route not in self.routes]
        lines += [f"addr replace {address}/{length} {{dev}}" + (" nodad" if ":" in address else "")
                  for address, length in self.addresses]
        lines += [f"addr del {address}/{length} {{dev}}" for address, length in now.addresses
                  if (address, length) not in self.addresses]
        lines += [f"neigh replace {address} lladdr {mac} {{dev}} nud permanent"
                  for address, mac in self.neighbours]
        lines += [f"route replace {route}" for route in self.routes]
        ip_on_device(self._lab.ns(self._link.client), self._link.device, lines)
