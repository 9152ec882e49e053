"""Faults on the wire: what the link emulator can do to packets, and to the cable."""

from fault import Fault


class CarrierLost(Fault):
    """The cable is pulled; the device keeps its addresses."""

    seen = True
    touches = frozenset({"cable"})

    def _begin(self):
        self.lab.carrier(self.link.name, False)

    def _end(self):
        self.lab.carrier(self.link.name, True)


class Blackhole(Fault):
    """All packets vanish, in both directions."""

    touches = frozenset({"blackhole"})
    directions = ("up", "down")

    def _begin(self):
        for direction in self.directions:
            self.link.emulator.set(direction, blackhole=True)

    def _end(self):
        self.link.emulator.set("both", blackhole=False)


class BlackholeUp(Blackhole):
    """What the client sends vanishes."""

    directions = ("up",)


class BlackholeDown(Blackhole):
    """What is sent to the client vanishes."""

    directions = ("down",)


class BurstLoss(Fault):
    """A fifth of the packets is lost, eight in a row."""

    path = "poor"
    touches = frozenset({"loss"})
    loss = {"loss": "20%", "burst": 8}

    def _begin(self):
        self.link.emulator.set("both", **self.loss)

    def _end(self):
        for direction, wanted in self.link.wanted.items():
            self.link.emulator.set(direction, loss=wanted.get("loss", "0%"),
                                   burst=wanted.get("burst", 1))


class Stall(Fault):
    """Packets are held, and come late: a radio link that is busy with itself. Meant to be short."""

    path = "poor"
    touches = frozenset({"stall"})

    def _begin(self):
        self.link.emulator.set("both", stall=True)

    def _end(self):
        self.link.emulator.set("both", stall=False)


WIRE_FAULTS = {
    "carrier_lost": CarrierLost,
    "blackhole": Blackhole,
    "blackhole_up": BlackholeUp,
    "blackhole_down": BlackholeDown,
    "burst_loss": BurstLoss,
    "stall": Stall,
}
