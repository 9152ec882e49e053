"""What the figures of `bench throughput` have to be. Pure."""

from dataclasses import dataclass

from figures import ratio
from throughput_table import ROWS

WAYS, ROLES = ("up", "down"), ("client", "server")
OPENVPNS = ("openvpn-udp", "openvpn-tcp", "openvpn-tcp-9000")
LEAST_SPEED = {"openvpn-tcp-9000": 1.4, "openvpn-udp": 5, "wireguard-go": 10}
LEAST_FORWARDED = 0.8   # of direct
LEAST_BATCHED = 2       # times the rate of one write a packet
LEAST_SMALL = 3         # times OpenVPN's rate
MOST_CPU_S_PER_GB = 0.5
CPU_CIPHER = "aes-256-gcm"
MOST_MEMORY_MIB = 64
LEAST_SHAPED = 0.97     # of raw MPTCP


@dataclass(frozen=True)
class Target:
    """A figure of braid beside a bound, or beside another figure times a factor. Of medians."""

    key: str
    least: float = None  # times the other figure
    other: tuple = ()    # its row key and column
    most: float = None   # as it is

    def text(self):
        row = ROWS[self.key]
        where = f"{row.title}, {row.block}" if row.block != "direct" else row.title
        if self.most is not None:
            return f"{where}: at most {self.most:g} {row.unit}"
        key, column = self.other
        what = f"{column}'s" if key == self.key else f"{ROWS[key].title}, {ROWS[key].block}"
        return f"{where}: at least {self.least:g} x {what}"

    def found(self, table):
        """The figure, or how many times the other one it is; None where one was not measured."""
        own = table.median(self.key, "braid")
        if self.most is not None or own is None:
            return own
        return ratio(own, table.median(*self.other))

    def met(self, found):
        return found <= self.most if self.most is not None else found >= self.least


def targets(shaped, cipher):
    """Those of a cable with or without a limit. `cipher`: braid's."""
    streams = [f"tcp-1-{way}" for way in WAYS]
    if shaped:
        return [Target(key, LEAST_SHAPED, (key, "raw-mptcp")) for key in streams]
    found = [Target(key, least, (key, other)) for other, least in LEAST_SPEED.items()
             for key in streams]
    found += [Target(f"forwarded-{key}", LEAST_FORWARDED, (key, "braid")) for key in streams]
    found += [Target(f"single-{key}", LEAST_BATCHED, (f"single-{key}", "packet-tunnel"))
              for key in streams]
    found += [Target("udp-64", LEAST_SMALL, ("udp-64", other)) for other in OPENVPNS]
    if cipher == CPU_CIPHER:
        found += [Target(f"cpu-{way}-{role}", most=MOST_CPU_S_PER_GB)
                  for way in WAYS for role in ROLES]
    return [*found, Target("memory-client", most=MOST_MEMORY_MIB)]
