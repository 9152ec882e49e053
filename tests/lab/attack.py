#!/usr/bin/python3
"""A stranger who wants to harm a braid server: connections from many addresses, in one thread.

What the modes do on each connection:
  flood    nothing: closes it at once, half of them with a reset
  hold     sends nothing, or on half of them a byte per 500 ms (slowloris); stays
  garbage  one of: random bytes; the header of a unit that is too long; half a unit; a client
           hello and a lane join of random bytes, which have the right size; stays
  drip     sends a client hello of random bytes, a byte per 30 ms; stays
  replay   sends the unit that `record` or `sniff` has saved; stays
Where the server closes a connection, a new one takes its place. Prints one line of JSON at its end,
also on SIGTERM.

`record` is the other end: it waits for a connection and saves the first bytes that come. `sniff`
listens on a device for the first unit of a kind that a TCP segment over IPv4 begins with.

It is paced (--rate), since in the lab it shares the processors with the server that it attacks.
"""

import argparse
import collections
import errno
import heapq
import itertools
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import time

IPPROTO_MPTCP = 262
IP_BIND_ADDRESS_NO_PORT = 24  # the kernel chooses the port when it knows both ends
ETH_P_ALL = 3  # linux/if_ether.h
UNIT_HEADER_BYTES = 4
HELLO_BODY_BYTES = 114
JOIN_BODY_BYTES = 64
CLIENT_HELLO, LANE_JOIN, RECORD = 1, 4, 6
UNIT_NAMES = {2: "server_hello", 3: "refused", 5: "lane_accept"}
LONGEST_SLEEP_S = 0.05


def unit(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def random_hello():
    """A client hello of version 1 that offers every cipher, as far as a stranger can tell."""
    return unit(CLIENT_HELLO, b"\x01\x03" + random.randbytes(HELLO_BODY_BYTES - 2))


# A script yields what its connection does next: bytes to send, or seconds to wait. At its end the
# connection stays, unless it yields CLOSE or RESET.

CLOSE, RESET = "close", "reset"


def byte_by_byte(interval_s):
    for byte in random_hello():
        yield bytes([byte])
        yield interval_s


def flood(_options):
    yield random.choice((CLOSE, RESET))


def hold(_options):
    if random.random() < 0.5:
        yield from byte_by_byte(0.5)


def garbage(_options):
    kinds = (lambda: random.randbytes(random.randint(1, 4096)),
             lambda: bytes([random.choice((CLIENT_HELLO, RECORD))]) + b"\xff\xff\xff" + bytes(2000),
             lambda: bytes([CLIENT_HELLO, 0, 0, HELLO_BODY_BYTES, 1]) + bytes(50),
             random_hello,
             lambda: unit(LANE_JOIN, random.randbytes(JOIN_BODY_BYTES)))
    yield random.choice(kinds)()


def drip(_options):
    yield from byte_by_byte(0.03)


def replay(options):
    yield options.recording


MODES = {script.__name__: script for script in (flood, hold, garbage, drip, replay)}


class Connection:
    """One connection and the script that it follows."""

    def __init__(self, options, number):
        self.script = options.script(options)
        source = options.sources[number % len(options.sources)]
        protocol = IPPROTO_MPTCP if options.mptcp and random.random() < 0.5 else 0
        self.socket = socket.socket(options.family, socket.SOCK_STREAM, protocol)
        self.socket.setblocking(False)
        self.first = b""  # of what the server sent
        self.established = False
        if source:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            self.socket.bind((source, 0))
        result = self.socket.connect_ex((options.host, options.port))
        if result != errno.EINPROGRESS and result != 0:
            self.socket.close()
            raise OSError(result, os.strerror(result))

    def fileno(self):
        return self.socket.fileno()

    def reset_on_close(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Attack:
    def __init__(self, options):
        self._options = options
        self._poll = select.epoll()
        self._open = {}    # by descriptor
        self._timers = []  # (when, order, connection)
        self._order = itertools.count()
        self._tally = collections.Counter()
        self._answers = collections.Counter()
        self._due = 0      # connections that the rate has allowed so far
        self._most = 0
        self._ended = False

    def end(self):
        self._ended = True

    def run(self):
        """Yields the report."""
        began = time.monotonic()
        while (now := time.monotonic()) < began + self._options.seconds and not self._ended:
            self._open_due(now - began)
            self._resume_due(now)
            self._most = max(self._most, len(self._open))
            for fd, events in self._poll.poll(self._patience(now)):
                if fd in self._open:
                    self._on_event(self._open[fd], events)
        for connection in list(self._open.values()):
            self._drop(connection, "left_open")
        return {"mode": self._options.mode, "seconds": round(time.monotonic() - began, 3),
                "most_open": self._most, **self._tally, "answers": dict(self._answers)}

    def _patience(self, now):
        full = len(self._open) >= self._options.connections
        wait = LONGEST_SLEEP_S if full else min(LONGEST_SLEEP_S, 10 / self._options.rate)
        if self._timers:
            wait = min(wait, max(self._timers[0][0] - now, 0.001))
        return wait

    def _open_due(self, passed):
        due = int(passed * self._options.rate) - self._due
        # What was not used of the rate while all were open is not caught up with later.
        self._due += due
        for _ in range(min(due, self._options.connections - len(self._open))):
            self._open_one()

    def _open_one(self):
        self._tally["tried"] += 1
        try:
            connection = Connection(self._options, self._tally["tried"])
        except OSError as error:
            self._tally[f"failed_{errno.errorcode.get(error.errno, error.errno)}"] += 1
            return
        self._open[connection.fileno()] = connection
        self._poll.register(connection.fileno(), select.EPOLLOUT | select.EPOLLIN)

    def _on_event(self, connection, events):
        if not connection.established:
            if connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return self._drop(connection, "not_connected")
            connection.established = True
            self._tally["connected"] += 1
            self._poll.modify(connection.fileno(), select.EPOLLIN)
            if not self._go_on(connection):
                return None
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._receive(connection)
        return None

    def _receive(self, connection):
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            return self._drop(connection, "closed_by_server")
        if not data:
            return self._drop(connection, "closed_by_server")
        self._tally["bytes_received"] += len(data)
        connection.first = connection.first or data[:1]

    def _resume_due(self, now):
        while self._timers and self._timers[0][0] <= now:
            _, _, connection = heapq.heappop(self._timers)
            if connection.fileno() >= 0:
                self._go_on(connection)

    def _go_on(self, connection):
        """Follows the script until it waits; yields False when the connection is gone."""
        for step in connection.script:
            if isinstance(step, float):
                heapq.heappush(self._timers, (time.monotonic() + step, next(self._order),
                                              connection))
                return True
            if step in (CLOSE, RESET):
                if step == RESET:
                    connection.reset_on_close()
                self._drop(connection, "closed")
                return False
            try:
                self._tally["bytes_sent"] += connection.socket.send(step)
            except OSError:
                self._drop(connection, "closed_by_server")
                return False
        return True

    def _drop(self, connection, why):
        self._tally[why] += 1
        if connection.first:
            self._answers[UNIT_NAMES.get(connection.first[0], "other")] += 1
        elif why == "closed_by_server":
            self._answers["none"] += 1
        del self._open[connection.fileno()]
        connection.socket.close()


def record(options):
    """Saves the first unit of whoever connects."""
    with socket.create_server(("::", options.port), family=socket.AF_INET6,
                              dualstack_ipv6=True) as listener:
        print(json.dumps({"listening": options.port}), flush=True)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(options.seconds)
            data = b""
            while len(data) < UNIT_HEADER_BYTES + HELLO_BODY_BYTES and (part := peer.recv(4096)):
                data += part
    with open(options.file, "wb") as file:
        file.write(data)
    return {"recorded": len(data)}


def tcp_payload(packet, port):
    """What a TCP segment to the port carries; empty for all other packets."""
    if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
        return b""
    total, segment = int.from_bytes(packet[2:4], "big"), 4 * (packet[0] & 15)
    if int.from_bytes(packet[segment + 2:segment + 4], "big") != port:
        return b""
    return packet[segment + 4 * (packet[segment + 12] >> 4):total]


def sniff(options):
    """Saves the first whole unit of the kind."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as listener:
        listener.bind((options.device, ETH_P_ALL))
        listener.settimeout(options.seconds)
        print(json.dumps({"listening": options.port}), flush=True)
        while True:
            payload = tcp_payload(listener.recv(65536), options.port)
            length = UNIT_HEADER_BYTES + int.from_bytes(payload[1:UNIT_HEADER_BYTES], "big")
            if payload[:1] == bytes([options.kind]) and len(payload) >= length:
                break
    with open(options.file, "wb") as file:
        file.write(payload[:length])
    return {"recorded": length}


def attack(options):
    options.script = MODES[options.mode]
    options.family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    if options.file:
        with open(options.file, "rb") as file:
            options.recording = file.read()
    running = Attack(options)
    signal.signal(signal.SIGTERM, lambda *_: running.end())
    return running.run()


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    for name in MODES:
        mode = modes.add_parser(name)
        mode.add_argument("host", help="an address, no name")
        mode.add_argument("port", type=int)
        mode.add_argument("--seconds", type=float, default=5.0)
        mode.add_argument("--connections", type=int, default=400, help="at once")
        mode.add_argument("--rate", type=float, default=1000, help="new ones a second, at most")
        mode.add_argument("--mptcp", action="store_true", help="half of them are MPTCP")
        mode.add_argument("--sources", type=lambda text: text.split(","), default=[None],
                          help="own addresses to come from in turn, with commas")
        mode.add_argument("--file", required=name == "replay",
                          help="what `record` or `sniff` has saved" if name == "replay" else argparse.SUPPRESS)
        mode.set_defaults(function=attack)
    recorder = modes.add_parser("record")
    recorder.add_argument("port", type=int)
    recorder.add_argument("file")
    recorder.add_argument("--seconds", type=float, default=10.0, help="patience")
    recorder.set_defaults(function=record)
    sniffer = modes.add_parser("sniff")
    sniffer.add_argument("device")
    sniffer.add_argument("port", type=int)
    sniffer.add_argument("kind", type=int, help="of unit")
    sniffer.add_argument("file")
    sniffer.add_argument("--seconds", type=float, default=60.0, help="patience with silence")
    sniffer.set_defaults(function=sniff)
    return parser.parse_args()


def main():
    options = parse()
    try:
        report = options.function(options)
    except OSError as error:
        report = {"error": str(error)}
    print(json.dumps(report), flush=True)
    return 0 if "error" not in report else 1


if __name__ == "__main__":
    sys.exit(main())
