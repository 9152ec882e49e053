"""The parts of the lab's topology: what uplinks are like, and the commands that configure each
namespace. The picture and the addresses are at the top of lab.py."""

import re
from dataclasses import dataclass, field

from netns import LabError

MAX_UPLINKS = 8
QUEUE_TIME_S = 0.1
QUEUE_MIN_BYTES = 64 * 1024

# What an uplink is like: settings of linkem for each direction.
PROFILES = {
    name: {"down": {"rate": down, **both}, "up": {"rate": up, **both}}
    for name, down, up, both in (
        ("wifi", "50M", "20M", {"delay": "10ms"}),
        ("lte", "30M", "10M", {"delay": "35ms", "jitter": "5ms"}),
        ("dsl", "16M", "1M", {"delay": "12ms"}),
        ("fibre", "300M", "300M", {"delay": "3ms"}),
        ("sat", "100M", "20M", {"delay": "300ms"}),
        ("lossy", "50M", "20M", {"delay": "20ms", "loss": "1%"}),
        ("bloat", "20M", "5M", {"delay": "20ms", "queue": "1s"}),
    )
}

# What Debian's systemd sets on a host, and no waiting for duplicate addresses.
HOST_SYSCTLS = {
    "net.mptcp.enabled": "1",
    "net.ipv4.ping_group_range": "0 2147483647",
    "net.ipv4.conf.all.rp_filter": "2",
    "net.ipv4.conf.default.rp_filter": "2",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
}
FORWARDING_SYSCTLS = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}


@dataclass
class Uplink:
    """An uplink as asked for: its device's name, a profile, and settings that differ from it."""

    name: str
    profile: str = ""
    down: dict = field(default_factory=dict)
    up: dict = field(default_factory=dict)

    @classmethod
    def parse(cls, spec):
        """'wifi', 'name=profile', or an Uplink."""
        if isinstance(spec, cls):
            return spec
        name, _, profile = spec.partition("=")
        return cls(name, profile)

    def settings(self):
        profile = self.profile or self.name
        if profile not in PROFILES:
            raise LabError(f"unknown profile: {profile}; known: {', '.join(PROFILES)}")
        return {
            "down": {**PROFILES[profile]["down"], **self.down},
            "up": {**PROFILES[profile]["up"], **self.up},
        }


def rate_bps(text):
    """'30M' -> 30000000; nothing when it is not a plain rate, such as 'unlimited'."""
    match = re.fullmatch(r"([\d.]+)(k|M|G|)(?:bit)?", str(text))
    scale = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
    return float(match[1]) * scale[match[2]] if match else None


def with_queue(settings):
    """Adds the default queue: 100 ms at the rate, but at least 64 KiB."""
    rate = rate_bps(settings.get("rate"))
    if "queue" in settings or rate is None:
        return settings
    return {**settings, "queue": max(QUEUE_MIN_BYTES, int(rate * QUEUE_TIME_S / 8))}


class Link:
    """One uplink in place: who its ends are, its addresses, and its emulator."""

    def __init__(self, uplink, client, router_prefix, number, position):
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,11}", uplink.name):
            raise LabError(f"uplink name: 1 to 12 of a-z, 0-9, _: {uplink.name}")
        self.client = client
        self.device = uplink.name
        self.router = router_prefix + uplink.name
        self.name = uplink.name if client == "client" else f"{client}.{uplink.name}"
        self.metric = 100 * position
        self.wanted = uplink.settings()
        self.mac = {side: f"02:71:00:00:{number:02x}:{side:02x}" for side in (1, 2)}
        self.address4 = f"10.71.{number}.2"
        self.gateway4 = f"10.71.{number}.1"
        self.address6 = f"fd71:0:0:{number}::2"
        self.gateway6 = f"fd71:0:0:{number}::1"
        self.prefix6 = f"fd71:0:0:{number}::/64"
        self.public4 = f"198.51.100.{4 * number + 2}"
        self.core4 = f"198.51.100.{4 * number + 1}"
        self.public6 = f"fd71:1:0:{number}::2"
        self.core6 = f"fd71:1:0:{number}::1"
        self.emulator = None

    def client_commands(self):
        """Brings the client's side up; also what DHCP would do when the link is back."""
        device = f"dev {self.device}"
        return [
            f"link set {device} up",
            f"addr replace {self.address4}/24 {device}",
            f"addr replace {self.address6}/64 {device} nodad",
            f"neigh replace {self.gateway4} lladdr {self.mac[1]} {device} nud permanent",
            f"neigh replace {self.gateway6} lladdr {self.mac[1]} {device} nud permanent",
            f"route replace 0.0.0.0/0 via {self.gateway4} {device} metric {self.metric}",
            f"route replace ::/0 via {self.gateway6} {device} metric {self.metric}",
        ]

    def router_commands(self):
        device = f"dev {self.router}"
        return [
            f"link set {device} address {self.mac[1]} up",
            f"addr add {self.gateway4}/24 {device}",
            f"addr add {self.gateway6}/64 {device} nodad",
            f"neigh replace {self.address4} lladdr {self.mac[2]} {device} nud permanent",
            f"neigh replace {self.address6} lladdr {self.mac[2]} {device} nud permanent",
            "link set dev wan up",
            f"addr add {self.public4}/30 dev wan",
            f"addr add {self.public6}/64 dev wan nodad",
            f"route add 0.0.0.0/0 via {self.core4} dev wan",
            f"route add ::/0 via {self.core6} dev wan",
        ]

    def core_commands(self):
        return [
            f"link set dev {self.router} up",
            f"addr add {self.core4}/30 dev {self.router}",
            f"addr add {self.core6}/64 dev {self.router} nodad",
            f"route add {self.prefix6} via {self.public6} dev {self.router}",
        ]


def host_commands(address4, gateway4, address6, gateway6):
    return [
        "link set dev eth0 up",
        f"addr add {address4}/24 dev eth0",
        f"addr add {address6}/64 dev eth0 nodad",
        f"route add 0.0.0.0/0 via {gateway4} dev eth0",
        f"route add ::/0 via {gateway6} dev eth0",
    ]


def masquerade(devices):
    names = ", ".join(f'"{device}"' for device in devices)
    return f"""table ip lab {{
        chain postrouting {{
            type nat hook postrouting priority srcnat
            oifname {{ {names} }} masquerade
        }}
    }}
    """
