"""What is compared: the tunnel, and the kernel's own MPTCP over links of the same kind.

Each column has a client of its own in the same lab, with streams of small messages both ways, and
a transfer beside them if asked. The tunnel's run between `client` and `internet`; plain MPTCP's
between `client2` and `server`, with the kernel's path manager.
"""

import json
import socket
import sys
import time

from lab import TRAFFIC, LabError
from netns import ip_batch
from traffic_twoway import STREAMS, ArrivalReader, longest_gap_ns

TWOWAY_PORT, BULK_PORT = "5010", "5011"
STEADY_GAP_S = 0.15
STEADY_S = 0.4
CARRIED_BYTES = 100_000
LOAD_WARM_UP_S = 3.0
LOADS = ("idle", "download", "upload")


def now_ns():
    return time.monotonic_ns()


def ask_status(control_socket):
    """The status of a daemon, without the cost of a process."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(5)
        asking.connect(str(control_socket))
        asking.sendall(b'{"request": "status"}\n')
        with asking.makefile() as reply:
            return json.loads(reply.readline())["status"]


class Column:
    """One client with streams and load. `uplink` is the one that is faulted."""

    streams = STREAMS

    def __init__(self, lab, role, server_role, host, mptcp):
        self.lab, self._role, self._host = lab, role, host
        self._mptcp = ["--mptcp"] if mptcp else []
        self._folder = lab.directory / f"{role}-arrivals"
        self._folder.mkdir()
        self._twoway = self._bulk = None
        self.broken = 0  # how often an inner connection was lost
        lab.traffic_server(server_role, "twoway-server", TWOWAY_PORT, self._folder, *self._mptcp)
        lab.traffic_server(server_role, "tcp-server", BULK_PORT, *self._mptcp)

    def arrivals(self):
        return ArrivalReader(self._folder, self.streams)

    def _client(self, *words):
        return self.lab.popen(self._role, [sys.executable, TRAFFIC, *words])

    def _start_streams(self):
        self._twoway = self._client("twoway", self._host, TWOWAY_PORT, self._folder, *self._mptcp,
                                    *self.device_words())

    def _start_load(self, load):
        if load == "idle":
            return
        self._bulk = self._client(load, self._host, BULK_PORT, "--seconds", "36000", *self._mptcp,
                                  *self.device_words())
        time.sleep(LOAD_WARM_UP_S)

    def stop_load(self):
        if self._bulk:
            self.lab.stop(self._bulk, grace_s=0.1)
            self._bulk = None

    def stop_streams(self):
        if self._twoway:
            self.lab.stop(self._twoway, grace_s=0.1)
            self._twoway = None

    def await_steady(self, timeout_s, least_s=STEADY_S):
        """Until all streams have moved without a larger gap for `least_s`; False when they do not
        within `timeout_s`."""
        reader, deadline = self.arrivals(), time.monotonic() + timeout_s
        time.sleep(least_s)
        while True:
            end = now_ns()
            start = end - int(least_s * 1e9)
            if all(longest_gap_ns(times, start, end) < STEADY_GAP_S * 1e9
                   for times in reader.read().values()):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def link_counters(self):
        stats = self.lab.link_stats(self.uplink)
        return {way: stats[way]["bytes"] for way in ("up", "down")}

    def carries(self, load, before):
        """Whether the faulted uplink has carried traffic since `before`: with a load much of it,
        else anything in both directions."""
        moved = {way: count - before[way] for way, count in self.link_counters().items()}
        if load == "idle":
            return moved["up"] > 0 and moved["down"] > 0
        return moved["down" if load == "download" else "up"] >= CARRIED_BYTES


class TunnelColumn(Column):
    """Streams through braid. They live as long as the benchmark, over all faults."""

    def __init__(self, tunnel):
        super().__init__(tunnel.lab, "client", "internet", tunnel.lab.internet4, mptcp=False)
        self._tunnel = tunnel
        self.uplink = next(iter(tunnel.lab.links))
        self._load = "idle"

    @staticmethod
    def device_words():
        return []

    def prepare(self, load):
        """Brings all uplinks, the streams and the load back to what a run starts from."""
        if self._twoway is None or self._twoway.poll() is not None:
            self.broken += self._twoway is not None
            self._start_streams()
        if self._bulk and self._bulk.poll() is not None:
            self.broken += 1
            self._bulk = None
        if load != self._load or (load != "idle" and not self._bulk):
            self.stop_load()
            self._start_load(load)
            self._load = load
        self._tunnel.client.wait_active(*self._uplinks(), timeout=20)
        if not self.await_steady(10):
            raise LabError("the tunnel's streams do not run steadily 10 s after a run")

    def _uplinks(self):
        return [link.device for link in self.lab.links.values() if link.client == "client"]

    def carries(self, load, before):
        if not super().carries(load, before):
            return False
        status = ask_status(self._tunnel.client.socket)
        state = next(each["state"] for each in status["uplinks"]
                     if each["interface"] == self.uplink)
        return state in ("active", "standby")


class PlainColumn(Column):
    """Streams of one MPTCP connection of client2, with the kernel's path manager. The kernel does
    not make a lost subflow again, so each run has a new connection."""

    streams = ("tcp_down", "tcp_up")

    def __init__(self, lab):
        super().__init__(lab, "client2", "server", lab.server4, mptcp=True)
        self._links = [link for link in lab.links.values() if link.client == "client2"]
        self.uplink = self._links[0].name
        # What braid sets, too: else the faults would switch MPTCP off for the later runs.
        lab.sysctl("client2", {"net.mptcp.blackhole_timeout": "0"})
        for role in ("client2", "server"):
            ip_batch(["mptcp limits set subflows 8 add_addr_accepted 8"], lab.ns(role))

    def device_words(self):
        return ["--device", self._links[0].device]

    def prepare(self, load):
        self.stop_load()
        self.stop_streams()
        ip_batch(["mptcp endpoint flush",
                  *(f"mptcp endpoint add {link.address4} dev {link.device} subflow"
                    for link in self._links)], self.lab.ns("client2"))
        self._start_load(load)
        self._start_streams()
        if not self.await_steady(10, least_s=0.8):
            raise LabError("the plain MPTCP streams do not run steadily")
