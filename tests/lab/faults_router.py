"""Faults of the way behind the first hop: the access point, the NAT, the hotspot's portal. The host
cannot see them, since its gateway answers as before."""

import sys

from fault import Fault

# ctnetlink's IPCTNL_MSG_CT_DELETE without a tuple deletes all, as `conntrack -F` does.
FORGET_MAPPINGS = """
import socket, struct, sys
ctnetlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
ctnetlink.settimeout(2)
ctnetlink.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
sys.exit(-struct.unpack_from("=i", ctnetlink.recv(4096), 16)[0])
"""

# Connections are made by the kernel and wait for ever to be accepted.
SILENT_LISTENER = """
import signal, socket
listener = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True,
                                backlog=4096)
print("listening", flush=True)
signal.pause()
"""


class RouterFault(Fault):
    """nftables rules of a table of their own on the router."""

    touches = frozenset({"router"})
    rules = ""

    def _begin(self):
        self.nft(f"table inet fault {{\n{self.rules}\n}}\n")

    def _end(self):
        self.nft("table inet fault\ndelete table inet fault")

    def nft(self, text):
        self.lab.run(self.link.router, ["nft", "-f", "-"], input=text)


class NoForwarding(RouterFault):
    """The access point is there and its gateway answers, but nothing goes further."""

    rules = "chain pass { type filter hook forward priority 0; policy drop; }"


class PortalReset(RouterFault):
    """A captive portal that resets every TCP connection to the outside."""

    rules = """chain pass { type filter hook forward priority 0; policy drop;
                            meta l4proto tcp reject with tcp reset; }"""


class PortalSilent(RouterFault):
    """A captive portal that answers new connections itself and then says nothing."""

    rules = """chain pass { type filter hook forward priority 0; policy drop; }
               chain catch { type nat hook prerouting priority dstnat;
                             iifname != "wan" meta l4proto tcp redirect to :8080; }"""

    def _begin(self):
        self._portal = self.lab.popen(self.link.router, [sys.executable, "-c", SILENT_LISTENER])
        self.lab.wait_for(lambda: self._portal.log_path.read_bytes(), 5, "portal listening")
        super()._begin()

    def _end(self):
        super()._end()
        self.lab.stop(self._portal)


class NatRebinding(RouterFault):
    """The NAT forgets its mappings and gives new ones: other public ports (RFC 4787 4.3)."""

    path = "moved"
    family = 4

    def _begin(self):
        self._masquerade("meta l4proto tcp masquerade to :20000-29999 random", "masquerade")
        forget_mappings(self.lab, self.link.router)

    def _end(self):
        self._masquerade("masquerade")

    def _masquerade(self, *rules):
        chain = "ip lab postrouting"
        self.nft("\n".join([f"flush chain {chain}",
                            *(f'add rule {chain} oifname "wan" {rule}' for rule in rules)]))


class NatTimeout(RouterFault):
    """A carrier's NAT forgets its mappings and drops what belongs to none, silently."""

    path = "moved"
    family = 4
    rules = """chain pass { type filter hook forward priority 0;
                            meta nfproto ipv4 ct state invalid drop; }
               chain own { type filter hook input priority 0;
                           iifname "wan" meta nfproto ipv4 ct state != established drop; }"""

    def _begin(self):
        self._set_loose(0)
        super()._begin()
        forget_mappings(self.lab, self.link.router)

    def _end(self):
        super()._end()
        self._set_loose(1)

    def _set_loose(self, value):
        """Whether a connection whose beginning was not seen gets a mapping."""
        self.lab.sysctl(self.link.router, {"net.netfilter.nf_conntrack_tcp_loose": value})


def forget_mappings(lab, router):
    lab.run(router, [sys.executable, "-c", FORGET_MAPPINGS])


ROUTER_FAULTS = {
    "no_forwarding": NoForwarding,
    "portal_reset": PortalReset,
    "portal_silent": PortalSilent,
    "nat_rebinding": NatRebinding,
    "nat_timeout": NatTimeout,
}
