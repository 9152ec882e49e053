"""Everything that can happen to an uplink, by name.

    fault = make("blackhole_up", lab, "wifi")
    fault.begin()
    ...
    fault.end()         # all is put back; a second call does nothing

or `with make("carrier_lost", lab, "wifi"): ...`. What a fault means is told by its class; see
fault.py for `path`, `seen`, `family` and `touches`.
"""

from faults_host import HOST_FAULTS
from faults_router import ROUTER_FAULTS
from faults_wire import WIRE_FAULTS

FAULTS = {**WIRE_FAULTS, **HOST_FAULTS, **ROUTER_FAULTS}


def make(name, lab, link):
    """The fault of that name, of a link of the lab; it has not begun. KeyError: no such fault."""
    return FAULTS[name](lab, link)
