"""The lab's hosts on plain cables: no emulator, so that nothing but the hosts bounds the rate.

   +-----+ eth0    lan0 +--------+ wan       wan +--------+ inet       eth0 +----------+
   | lan |--------------| client |---------------| server |-----------------| internet |
   +-----+              +--------+               +--------+                 +----------+
   10.90.0.2   10.90.0.1   198.51.100.2   198.51.100.1   192.0.2.1         192.0.2.80

`server` forwards, and masquerades what leaves for `internet`. What `lan` and `internet` send is cut
into packets first, as a card does, and `lan0` and `inet` put it together again (GRO), as cards'
drivers do; veth devices would hand super-packets over as they are. Which way packets between `lan`
and `internet` go from `client` to `server` is chosen by forward_through().
"""

from lab import Lab
from netns import command, exec_argv, ip_batch
from topology import FORWARDING_SYSCTLS, HOST_SYSCTLS, masquerade

LAN, INTERNET, WAN = "10.90.0.0/24", "192.0.2.0/24", "198.51.100.0/24"
TABLE, PREFERENCE = 100, 50
SHAPER_LATENCY_MS = 100
SHAPER_BURST_S, SHAPER_LEAST_BURST = 2e-3, 16_000
CONGESTION = "cubic"
HOSTS = (("lan", "eth0"), ("internet", "eth0"))
ENTRANCES = (("client", "lan0"), ("server", "inet"))


def shaper(mbit):
    """The qdisc that shapes one end to `mbit` Mbit/s, in words of tc."""
    burst = max(SHAPER_LEAST_BURST, int(mbit * 1e6 / 8 * SHAPER_BURST_S))
    return ["tbf", "rate", f"{mbit:g}mbit", "burst", str(burst),
            "latency", f"{SHAPER_LATENCY_MS}ms"]


class Cable(Lab):
    """The picture above. `shaped`: Mbit/s of the cable between client and server each way, 0 for
    as much as it takes."""

    client4, server4, internet4 = "198.51.100.2", "198.51.100.1", "192.0.2.80"

    def __init__(self, shaped=0):
        super().__init__(uplinks=())
        self.roles = ["lan", "client", "server", "internet"]
        self._shaped = shaped

    def _make_namespaces(self):
        ip_batch([f"netns add {self.ns(role)}" for role in self.roles])
        for role in self.roles:
            forwarding = FORWARDING_SYSCTLS if role in ("client", "server") else {}
            self.sysctl(role, {**HOST_SYSCTLS, **forwarding})
            ip_batch(["link set dev lo up"], self.ns(role))

    def _make_links(self):
        ip_batch([f"link add {device} netns {self.ns(role)} type veth "
                  f"peer name {peer} netns {self.ns(peer_role)}"
                  for role, device, peer_role, peer in (("lan", "eth0", "client", "lan0"),
                                                        ("client", "wan", "server", "wan"),
                                                        ("server", "inet", "internet", "eth0"))])

    def _configure(self):
        addresses = {"lan": {"eth0": self.lan4}, "internet": {"eth0": self.internet4},
                     "client": {"lan0": "10.90.0.1", "wan": self.client4},
                     "server": {"wan": self.server4, "inet": "192.0.2.1"}}
        for role, devices in addresses.items():
            ip_batch([line for device, address in devices.items() for line in (
                f"link set dev {device} up", f"addr add {address}/24 dev {device}")],
                self.ns(role))
        ip_batch(["route add default via 10.90.0.1"], self.ns("lan"))
        ip_batch(["route add default via 192.0.2.1"], self.ns("internet"))
        for role in ("client", "server"):
            # A program that does not choose a congestion control gets the route's.
            ip_batch([f"route replace {WAN} dev wan congctl {CONGESTION}"], self.ns(role))
            if self._shaped:
                command(exec_argv(self.ns(role), ["tc", "qdisc", "replace", "dev", "wan", "root",
                                                  *shaper(self._shaped)]))
        ip_batch([f"route add default via {self.server4} dev wan",
                  f"rule add to {INTERNET} lookup {TABLE} pref {PREFERENCE}"], self.ns("client"))
        ip_batch([f"rule add to {LAN} lookup {TABLE} pref {PREFERENCE}"], self.ns("server"))
        self._nft("server", masquerade(["inet"]))
        for role, device in HOSTS:
            self._set_feature(role, device, "tso", "off")
        self.put_together(True)

    def _set_feature(self, role, device, feature, value):
        command(exec_argv(self.ns(role), ["ethtool", "-K", device, feature, value]))

    def put_together(self, wanted):
        """Whether packets of a TCP flow are made super-packets where they enter `client` and
        `server` from the hosts behind them."""
        for role, device in ENTRANCES:
            self._set_feature(role, device, "gro", "on" if wanted else "off")

    def forward_through(self, client_device="wan", server_device="wan"):
        """Leads what is forwarded between `lan` and `internet` through these devices."""
        ways = (("client", INTERNET, client_device, self.server4),
                ("server", LAN, server_device, self.client4))
        for role, prefix, device, gateway in ways:
            via = f"via {gateway}" if device == "wan" else ""
            ip_batch([f"route replace {prefix} {via} dev {device} table {TABLE}"], self.ns(role))
