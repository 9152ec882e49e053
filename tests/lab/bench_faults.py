"""The faults that `bench failover` measures, called as the daemon's log calls them."""

from faults import make


class Fault:
    """One of faults.py, on whichever uplink it begins; or none, with kind None."""

    def __init__(self, name, kind, host_sees_it=False):
        self.name, self._kind, self.host_sees_it = name, kind, host_sees_it
        self._fault = None

    def begin(self, lab, uplink):
        if self._kind:
            self._fault = make(self._kind, lab, uplink)
            self._fault.begin()

    def end(self, _lab, _uplink):
        """The path works again when it returns."""
        if self._fault:
            self._fault.end()
            self._fault = None


NO_FAULT = Fault("none", None)
FAULTS = {fault.name: fault for fault in (
    NO_FAULT,
    Fault("link_down", "admin_down", host_sees_it=True),
    Fault("no_carrier", "carrier_lost", host_sees_it=True),
    Fault("no_address", "address_deleted", host_sees_it=True),
    Fault("gone", "device_recreated", host_sees_it=True),
    Fault("blackhole", "blackhole"),
    Fault("blackhole_up", "blackhole_up"),
    Fault("blackhole_down", "blackhole_down"),
)}
