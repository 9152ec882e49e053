"""What `bench latency` and `bench links` compare over one or two emulated uplinks: braid over all
of them and over each alone, MPTCP without a tunnel, and OpenVPN over MPTCP.

Only one is up at a time, between `client` and `server` of the same lab: all have the same links. A
program that does not choose a congestion control for its TCP gets bbr; braid chooses its own.
"""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

from tunnel import SERVER_INNER4, Tunnel, plain_uplinks  # noqa: E402

from cable import CONGESTION  # noqa: E402
from iperf import Iperf  # noqa: E402
from lab import LabError  # noqa: E402
from netns import ip_batch  # noqa: E402
from throughput_columns import OpenVpnTcp  # noqa: E402

NAMES = ("first", "second")
ENDS = ("client", "server")
PACKAGES = "iperf3 mptcpize openvpn openssl"
OUTER_CONGESTION = "bbr"
MPTCPIZE = ("mptcpize", "run")
QUIET = {"log": {"level": "info"}}
RECOVERY_S = 20
ENVIRONMENT = {
    "net.ipv4.tcp_congestion_control": OUTER_CONGESTION,
    "net.ipv4.tcp_no_metrics_save": "1",  # else a link begins with what the last one was like
    "net.mptcp.blackhole_timeout": "0",
}
JOINS = "MPJoinSynAckRx"


@contextmanager
def bonded_lab():
    """A Tunnel in place with links `first` and `second`; its server runs."""
    with Tunnel(uplinks=[f"{name}=wifi" for name in NAMES], server_settings=QUIET,
                client_settings={"routes": [], **QUIET}) as tunnel:
        for role in ENDS:
            tunnel.lab.sysctl(role, ENVIRONMENT)
            ip_batch(["mptcp limits set subflows 8 add_addr_accepted 8"], tunnel.lab.ns(role))
        tunnel.server.start()
        yield tunnel


def set_lines(lab, lines):
    """Makes the first links like `lines`; yields their names."""
    names = NAMES[:len(lines)]
    for name, line in zip(names, lines):
        for way in ("down", "up"):
            lab.set_link(name, way, **line.settings(way))
    return names


class Column:
    """One way from `client` to `server`, over uplinks that start() tells."""

    title = ""
    programs = ()             # that have to be installed, beside iperf3
    prefix = ()               # in front of iperf3's command line
    congestion = CONGESTION   # of TCP that a measurement sends through it

    def __init__(self, tunnel):
        self.tunnel, self.lab = tunnel, tunnel.lab
        self.address = None

    @classmethod
    def uplinks_of(cls, names):
        """Those that it uses of these."""
        return tuple(names)

    def start(self, names):
        """Until it carries packets over all of its uplinks of these."""

    def stop(self):
        """May be called when start() has failed."""

    def recover(self):
        """Until it uses again what has failed meanwhile; LabError when it does not."""

    def begin_tcp(self, seconds, streams, way, warm_up_s):
        """A Test of iperf3 through it."""
        return Iperf(self.lab, "client", "server", self.address, self.prefix).begin(
            seconds, streams, way, warm_up_s, self.congestion)

    def finish_tcp(self, test):
        """The goodput of a Test in Mbit/s, both ways together."""
        return test.finish().bit_s / 1e6

    def tcp(self, seconds, streams, way, warm_up_s):
        with self.begin_tcp(seconds, streams, way, warm_up_s) as test:
            return self.finish_tcp(test)


class Braid(Column):
    title = "braid"
    _names = ()

    def start(self, names):
        self.address = SERVER_INNER4
        self._names = self.uplinks_of(names)
        self.tunnel.client.write_config(plain_uplinks(*self._names))
        self.tunnel.client.start()
        self.recover()

    def recover(self):
        self.tunnel.client.wait_active(*self._names, timeout=RECOVERY_S)

    def stop(self):
        self.tunnel.client.verb("stop", check=False)


class BraidFirst(Braid):
    title = "braid, first alone"

    @classmethod
    def uplinks_of(cls, names):
        return tuple(names[:1])


class BraidSecond(Braid):
    title = "braid, second alone"

    @classmethod
    def uplinks_of(cls, names):
        return tuple(names[1:])


class KernelPaths:
    """The kernel's own path manager, which makes a subflow over each uplink but the one that a
    connection begins with."""

    def __init__(self, lab):
        self._lab = lab

    def set(self, names):
        links = [self._lab.link(name) for name in names]
        ip_batch(["mptcp endpoint flush",
                  *(f"mptcp endpoint add {link.address4} dev {link.device} subflow"
                    for link in links)], self._lab.ns("client"))

    def joined(self):
        """How many subflows the client has made beside a connection's first."""
        text = self._lab.run("client", ["cat", "/proc/net/netstat"]).stdout
        names, values = (line.split() for line in text.splitlines() if line.startswith("MPTcpExt:"))
        return int(values[names.index(JOINS)])


class PlainMptcp(Column):
    """Its pings and datagrams go over the first uplink, as they do without a tunnel."""

    title = "plain MPTCP"
    programs = ("mptcpize",)
    prefix = MPTCPIZE
    congestion = OUTER_CONGESTION

    def __init__(self, tunnel):
        super().__init__(tunnel)
        self._paths = KernelPaths(tunnel.lab)

    def start(self, names):
        self.address = self.lab.server4
        self._names = names
        self._paths.set(names)

    def stop(self):
        self._paths.set(())

    def begin_tcp(self, *words):
        self._joined = self._paths.joined()
        return super().begin_tcp(*words)

    def finish_tcp(self, test):
        goodput = super().finish_tcp(test)
        if len(self._names) > 1 and self._paths.joined() == self._joined:
            raise LabError("MPTCP has not used the second uplink")
        return goodput


class OpenVpnMptcp(Column):
    """OpenVPN's TCP mode as in `bench throughput`, its connection made MPTCP. Without TCP_NODELAY
    the second of two small packets would wait for a round trip."""

    title = "OpenVPN, MPTCP"
    programs = ("mptcpize", "openvpn", "openssl")

    class Tunnel(OpenVpnTcp):
        launcher = MPTCPIZE
        words = ("--socket-flags", "TCP_NODELAY")

    def __init__(self, tunnel):
        super().__init__(tunnel)
        self._paths, self._openvpn = KernelPaths(tunnel.lab), self.Tunnel(tunnel.lab)

    def start(self, names):
        self._paths.set(names)
        before = self._paths.joined()
        self._openvpn.start()
        self.address = self._openvpn.address
        if len(names) > 1:
            self.lab.wait_for(lambda: self._paths.joined() > before, 5,
                              "OpenVPN's connection over the second uplink")

    def finish_tcp(self, test):
        """0 for a transfer that stands still for good, as it sometimes does over unlike links."""
        try:
            return super().finish_tcp(test)
        except subprocess.TimeoutExpired:
            return 0.0

    def stop(self):
        self._openvpn.stop()
        self._paths.set(())


COLUMNS = {"braid": Braid, "braid-first": BraidFirst, "braid-second": BraidSecond,
           "mptcp": PlainMptcp, "openvpn": OpenVpnMptcp}


def programs_of(names):
    """What has to be installed for these columns."""
    return ["iperf3", *(program for name in names for program in COLUMNS[name].programs)]


def conditions(lab):
    """What the figures depend on beside the links, in a line."""
    text = lab.run("client", ["sysctl", "-n", "kernel.osrelease", "net.ipv4.tcp_rmem",
                              "net.ipv4.tcp_wmem"]).stdout
    release, receive, send = (line.split()[-1] for line in text.splitlines())
    return (f"Linux {release}; TCP's buffers are at most {int(receive) >> 20} MiB to receive and "
            f"{int(send) >> 20} MiB to send.")
