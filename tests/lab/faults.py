"""What may happen to an uplink of the lab, and how it is undone.

An uplink is named as in Lab: its device's name, with `client2.` in front for the second client.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from netns import ip_batch

# Indices that no device of a lab has had: a plugged-in modem does not get its old one.
_new_indices = itertools.count(1000)


@dataclass(frozen=True)
class Fault:
    name: str
    begin: Callable  # (lab, uplink)
    end: Callable  # (lab, uplink): the path works again when it returns
    host_sees_it: bool


def remove_address(lab, uplink):
    link = lab.link(uplink)
    ip_batch([f"addr del {link.address4}/24 dev {link.device}",
              f"addr del {link.address6}/64 dev {link.device}"], lab.ns(link.client))


def unplug(lab, uplink):
    """The device vanishes, as that of a USB modem: it moves to the router's namespace."""
    link = lab.link(uplink)
    ip_batch([f"link set dev {link.device} netns {lab.ns(link.router)}"], lab.ns(link.client))


def plug(lab, uplink):
    """It is there again with its old name, addresses and routes, and with a new index."""
    link = lab.link(uplink)
    ip_batch([f"link set dev {link.device} netns {lab.ns(link.client)} "
              f"index {next(_new_indices)}"], lab.ns(link.router))
    lab.link_up(uplink)


def plug_cable(lab, uplink):
    lab.carrier(uplink, True)


def pull_cable(lab, uplink):
    lab.carrier(uplink, False)


def nothing(_lab, _uplink):
    pass


def blackhole(**directions):
    return lambda lab, uplink: lab.blackhole(uplink, **directions)


def end_blackhole(lab, uplink):
    lab.blackhole(uplink, up=False, down=False)


NO_FAULT = Fault("none", nothing, nothing, host_sees_it=False)
FAULTS = {fault.name: fault for fault in (
    NO_FAULT,
    Fault("link_down", lambda lab, name: lab.link_down(name),
          lambda lab, name: lab.link_up(name), host_sees_it=True),
    Fault("no_carrier", pull_cable, plug_cable, host_sees_it=True),
    Fault("no_address", remove_address, lambda lab, name: lab.link_up(name), host_sees_it=True),
    Fault("gone", unplug, plug, host_sees_it=True),
    Fault("blackhole", blackhole(), end_blackhole, host_sees_it=False),
    Fault("blackhole_up", blackhole(down=False), end_blackhole, host_sees_it=False),
    Fault("blackhole_down", blackhole(up=False), end_blackhole, host_sees_it=False),
)}
