"""Small messages in both directions at once, over TCP and UDP, whose arrivals a benchmark reads
while they go on.

Each end sends a message per interval and appends the time of each that arrives, CLOCK_MONOTONIC in
ns, to a file of a folder: tcp_down and udp_down at the client, tcp_up and udp_up at the server. All
namespaces of a host share that clock. Both ends run at real-time priority where they may, so that a
gap is the network's and not the scheduler's.
"""

import array
import json
import os
import select
import socket
import struct
import time
from pathlib import Path

from realtime import run_before_programs
from traffic_bulk import IPPROTO_MPTCP, connect

TCP_BYTES, UDP_BYTES = 64, 172
LENGTH = struct.Struct("=q")
READ_BYTES = 65536
STREAMS = ("tcp_down", "tcp_up", "udp_down", "udp_up")


class Arrivals:
    """Where one end notes what arrives."""

    def __init__(self, folder, stream):
        self._file = os.open(Path(folder) / stream, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self):
        os.write(self._file, LENGTH.pack(time.monotonic_ns()))


class ArrivalReader:
    """Reads the arrivals of all streams of a folder, from now on."""

    def __init__(self, folder, streams=STREAMS):
        self._paths = {stream: Path(folder) / stream for stream in streams}
        self._starts = {stream: self._size(path) for stream, path in self._paths.items()}

    @staticmethod
    def _size(path):
        size = path.stat().st_size if path.exists() else 0
        return max(0, size - LENGTH.size)  # the last one is where the first gap begins

    def read(self):
        """{stream: [ns, ...]}, in order."""
        found = {}
        for stream, path in self._paths.items():
            times = array.array("q")
            if path.exists():
                with open(path, "rb") as file:
                    file.seek(self._starts[stream])
                    data = file.read()
                times.frombytes(data[:len(data) // LENGTH.size * LENGTH.size])
            found[stream] = times.tolist()
        return found


def longest_gap_ns(times, start, end):
    """The longest time between two arrivals that reaches into `start`..`end`. What is still
    missing at the end counts, too. Pure."""
    before = [time for time in times if time <= start]
    moments = [max(before, default=start), *(time for time in times if start < time <= end), end]
    return max(after - earlier for earlier, after in zip(moments, moments[1:]))


class TcpEnd:
    def __init__(self, connection, arrivals):
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self._arrivals = connection, arrivals
        self._unsent, self._unread = bytearray(), 0

    def send(self):
        self._unsent += bytes(TCP_BYTES)
        try:
            del self._unsent[:self.socket.send(self._unsent)]
        except BlockingIOError:
            pass

    def receive(self):
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError("closed by the other end")
        self._unread += len(data)
        while self._unread >= TCP_BYTES:
            self._arrivals.note()
            self._unread -= TCP_BYTES


class UdpEnd:
    """Sends to whom it is connected, or to who was heard last."""

    def __init__(self, udp, arrivals, peer=None):
        udp.setblocking(False)
        self.socket, self._arrivals, self._peer = udp, arrivals, peer

    def send(self):
        if not self._peer:
            return
        try:
            self.socket.sendto(bytes(UDP_BYTES), self._peer)
        except OSError:
            pass  # a datagram that cannot leave is lost, as others are

    def receive(self):
        try:
            _, self._peer = self.socket.recvfrom(READ_BYTES)
        except ConnectionRefusedError:
            return  # an ICMP error for an earlier datagram
        self._arrivals.note()


def exchange(ends, interval_s, listener=None, accepted=None):
    """Sends and receives until it is killed. A listener's connections go to `accepted`, which
    yields the new list of ends. OSError when the TCP connection of a client breaks."""
    due = time.monotonic()
    while True:
        now = time.monotonic()
        if now >= due:
            for end in list(ends):
                ends = attempt(ends, end, end.send, listener)
            due = max(due + interval_s, now)
        sockets = {end.socket: end for end in ends}
        waiting = [*sockets, *([listener] if listener else [])]
        readable, _, _ = select.select(waiting, [], [], max(0, due - time.monotonic()))
        for each in readable:
            if each is listener:
                ends = accepted(listener.accept()[0], ends)
            elif sockets[each] in ends:
                ends = attempt(ends, sockets[each], sockets[each].receive, listener)


def attempt(ends, end, action, is_server):
    """Yields the ends that are left: a server goes on without a connection that broke."""
    try:
        action()
        return ends
    except BlockingIOError:
        return ends
    except OSError:
        if not is_server:
            raise
        end.socket.close()
        return [each for each in ends if each is not end]


def twoway(options):
    """The client's end: talks to a twoway-server until it is killed."""
    run_before_programs()
    ends = [TcpEnd(connect(options), Arrivals(options.folder, "tcp_down"))]
    if not options.mptcp:
        family, _, _, _, address = socket.getaddrinfo(options.host, options.port,
                                                      type=socket.SOCK_DGRAM)[0]
        ends.append(UdpEnd(socket.socket(family, socket.SOCK_DGRAM),
                           Arrivals(options.folder, "udp_down"), address))
    try:
        exchange(ends, options.interval)
    except OSError as error:
        return {"error": str(error)}


def twoway_server(options):
    """The other end, for one client at a time: a new connection takes the place of the old."""
    run_before_programs()
    tcp_up = Arrivals(options.folder, "tcp_up")
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM,
                             IPPROTO_MPTCP if options.mptcp else 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for each in (udp, listener):
        each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        each.bind(("::", options.port))
    listener.listen(4)
    talker = UdpEnd(udp, Arrivals(options.folder, "udp_up"))

    def accepted(connection, ends):
        for end in ends:
            if end is not talker:
                end.socket.close()
        return [talker, TcpEnd(connection, tcp_up)]

    print(json.dumps({"listening": options.port}), flush=True)
    exchange([talker], options.interval, listener, accepted)
