"""What `bench throughput` compares: raw TCP and MPTCP, braid, a tunnel that writes each packet by
itself, and other tunnels in user space.

All are up at the same time between `client` and `server` of a Cable, each with a device and inner
addresses of its own. All of them and braid encrypt with keys made for this run.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

from tunnel import SERVER_INNER4, Client, Server, plain_uplinks  # noqa: E402

from cable import LAN  # noqa: E402
from datagram_rate import lab_program  # noqa: E402
from lab import LabError  # noqa: E402
from openvpn_keys import make_keys  # noqa: E402

START_TIMEOUT_S = 20
QUIET = {"log": {"level": "info"}}


class Column:
    """One way from `client` to `server`. Addresses are the server's; devices those that forwarded
    packets enter by at either end."""

    title = ("", "")
    programs = ()          # that have to be installed, beside iperf3
    prefix = ()            # in front of iperf3's command line
    tcp_only = False
    daemons = {}           # pid of the client's end and of the server's
    client_device = server_device = "wan"
    cipher = None          # by its name in braid's status

    def __init__(self, cable):
        self.cable = cable
        self.address = cable.server4

    def start(self):
        """Until it carries packets."""

    def stop(self):
        """Before the namespaces go, for what needs to put something back."""

    def about(self):
        """Version and cipher, once it is up; empty where there is none."""
        return ""


class RawTcp(Column):
    title = ("raw", "TCP")


class RawMptcp(Column):
    """iperf3 itself knows no MPTCP; mptcpize makes its sockets so."""

    title = ("raw", "MPTCP")
    programs = ("mptcpize",)
    prefix = ("mptcpize", "run")
    tcp_only = True


class Braid(Column):
    title = ("braid", "")
    client_device = server_device = "braid0"
    workers = "auto"       # of both ends' configs
    _client = _server = None

    def start(self):
        self.address = SERVER_INNER4
        settings = QUIET | {"workers": self.workers}
        self._server = Server(self.cable, self.cable.directory / "server", **settings)
        self._client = Client(self.cable, self._server, routes=[], **settings)
        self._server.peers[0]["addresses"].append(LAN)
        self._server.write_config()
        self._client.write_config(plain_uplinks("wan"))
        self._server.start()
        self._client.start()
        self._client.wait_active("wan")
        status = self._client.status()
        self.daemons = {"client": status["pid"], "server": self._server.pid()}
        self.cipher = status["cipher"]
        self._about = f"{status['version']}, {self.cipher} by {status['crypto'][self.cipher]}"

    def stop(self):
        for program in (self._client, self._server):
            if program:
                program.verb("stop", check=False)

    def about(self):
        return self._about


class PacketTunnel(Column):
    """One packet, one record, one write, with braid's cipher over one subflow of MPTCP."""

    title = ("a write", "a packet")
    client_device = server_device = "single0"
    port = "8690"

    def start(self):
        self.address = "10.89.0.1"
        ends = {"server": ("listen", self.address), "client": ("connect", "10.89.0.2")}
        children = {}
        for role, (verb, _) in ends.items():
            children[role] = self.cable.popen(role, [
                lab_program("packet_tunnel"), self.client_device, verb, self.cable.server4,
                self.port])
            await_log(self.cable, children[role], b"listening" if verb == "listen" else b"up: ",
                      role)
        for role, (_, address) in ends.items():
            self.cable.run(role, ["ip", "link", "set", self.client_device, "up"])
            self.cable.run(role, ["ip", "addr", "add", f"{address}/24", "dev", self.client_device])
        self.daemons = {role: child.pid for role, child in children.items()}
        self._log = children["client"].log_path

    def about(self):
        return f"tests/lab, {self._log.read_text().strip().removeprefix('up: ')}"


class OpenVpn(Column):
    """Point to point with TLS; each end knows the other's certificate by its fingerprint."""

    programs = ("openvpn", "openssl")
    wanted_cipher = "AES-256-GCM"
    words = launcher = ()  # of openvpn, and in front of it
    number = 0
    _keys, _children = None, {}

    def start(self):
        self.client_device = self.server_device = f"ovpn{self.number}"
        client4, self.address = (f"10.87.{self.number}.{host}" for host in (2, 1))
        self._keys = self._keys or make_keys(self.cable.directory / f"openvpn{self.number}")
        client, server = self._protocols
        ends = {"server": ["--tls-server", "--dh", "none", "--proto", server,
                           "--local", self.cable.server4, "--ifconfig", self.address, client4],
                "client": ["--tls-client", "--remote", self.cable.server4, "--nobind",
                           "--proto", client, "--ifconfig", client4, self.address]}
        self._children = {role: self.cable.popen(role, [
            *self.launcher, "openvpn", *words, *self._keys[role].words(), *self._common_words()])
            for role, words in ends.items()}
        for role, child in self._children.items():
            await_log(self.cable, child, b"Initialization Sequence Completed", role)
        self.daemons = {role: child.pid for role, child in self._children.items()}
        self._log = self._children["client"].log_path

    def stop(self):
        """Its keys stay for the next start()."""
        children, self._children = self._children, {}
        for child in children.values():
            self.cable.stop(child)

    def about(self):
        log = self._log.read_text(errors="replace")
        words = [re.search(pattern, log) for pattern in (
            r"OpenVPN (\d\S*)", r"Data Channel: cipher '([^']+)'", r"versions: (OpenSSL \S+)")]
        version, cipher, library = (found[1] if found else "?" for found in words)
        return f"{version}, {cipher} by {library}, no kernel offload (disable-dco)"

    def _common_words(self):
        return ["--dev", self.client_device, "--dev-type", "tun", "--port", str(1194 + self.number),
                "--data-ciphers", self.wanted_cipher, "--disable-dco", "--keepalive", "10", "60",
                "--verb", "3", *self.words]


class OpenVpnUdp(OpenVpn):
    title = ("OpenVPN", "UDP")
    _protocols = ("udp", "udp")


class OpenVpnTcp(OpenVpn):
    title = ("OpenVPN", "TCP")
    _protocols = ("tcp-client", "tcp-server")
    number = 1


class OpenVpnTcp9000(OpenVpnTcp):
    title = ("OpenVPN", "TCP 9000")
    words = ("--tun-mtu", "9000", "--mssfix", "0")
    number = 2


class WireGuardGo(Column):
    title = ("wireguard", "-go")
    programs = ("wireguard-go", "wg")
    client_device = server_device = "wg0"
    port = "51820"

    def start(self):
        self.address = "10.88.0.1"
        ends = {"client": "10.88.0.2", "server": self.address}
        private = {role: self._wg("genkey").strip() for role in ends}
        public = {role: self._wg("pubkey", input=key).strip() for role, key in private.items()}
        children = {role: self._start_end(role) for role in ends}
        for role, other in (("client", "server"), ("server", "client")):
            self._configure(role, children[role], ends[role], private[role], public[other])
        self.daemons = {role: child.pid for role, child in children.items()}

    def about(self):
        told = self.cable.run("client", ["wireguard-go", "--version"]).stdout
        return f"{(told.split() or ['?', '?'])[1]}, ChaCha20-Poly1305 in Go"

    def _wg(self, *words, input=None):
        return self.cable.run("client", ["wg", *words], input=input).stdout

    def _start_end(self, role):
        """Its control socket stands in /run/wireguard: in a /run of its own."""
        child = self.cable.popen(role, ["sh", "-c", "mount -t tmpfs tmpfs /run && "
                                        "exec wireguard-go -f wg0"])
        in_place = ["nsenter", "-t", str(child.pid), "-m", "wg", "show", "wg0"]
        self.cable.wait_for(
            lambda: child.poll() is not None
            or self.cable.run(role, in_place, check=False).returncode == 0,
            START_TIMEOUT_S, f"{role}: wireguard-go")
        return child

    def _configure(self, role, child, own, key, peer):
        endpoint = f"Endpoint = {self.cable.server4}:{self.port}\n" if role == "client" else ""
        listen = "" if role == "client" else f"ListenPort = {self.port}\n"
        config = (f"[Interface]\nPrivateKey = {key}\n{listen}"
                  f"[Peer]\nPublicKey = {peer}\n{endpoint}AllowedIPs = 0.0.0.0/0\n")
        self.cable.run(role, ["nsenter", "-t", str(child.pid), "-m", "wg", "setconf", "wg0",
                              "/dev/stdin"], input=config)
        self.cable.run(role, ["ip", "link", "set", "wg0", "up"])
        self.cable.run(role, ["ip", "addr", "add", f"{own}/24", "dev", "wg0"])


def await_log(cable, child, text, role):
    """Until a program's log has the text; LabError with the log's end when it ends before."""
    def settled():
        return text in child.log_path.read_bytes() or child.poll() is not None
    cable.wait_for(settled, START_TIMEOUT_S, f"{role}: {child.log_path.name}: {text.decode()}")
    if child.poll() is not None:
        lines = child.log_path.read_text(errors="replace").splitlines()
        raise LabError(f"{role}: {child.log_path.name}: {' / '.join(lines[-3:])}")


COLUMNS = {"raw-tcp": RawTcp, "raw-mptcp": RawMptcp, "braid": Braid, "packet-tunnel": PacketTunnel,
           "openvpn-udp": OpenVpnUdp, "openvpn-tcp": OpenVpnTcp, "openvpn-tcp-9000": OpenVpnTcp9000,
           "wireguard-go": WireGuardGo}
