"""Regular small messages, as a call or a game sends them, echoed by the far end; and ping.

All namespaces of a host share CLOCK_MONOTONIC, so the UDP echo also gives one-way times.
"""

import json
import os
import socket
import struct
import threading
import time

from realtime import run_before_programs
from traffic_bulk import connect

STAMP = struct.Struct("!Qqq")  # number, sent (ns), seen by the echo server (ns; UDP only)
PKTINFO_SPACE = socket.CMSG_SPACE(20)
LINGER_S = 1.0


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def times_ms(values_ns):
    ordered = sorted(values_ns)
    if not ordered:
        return None
    spots = {"p50": 0.5, "p95": 0.95, "max": 1}
    return {key: round(percentile(ordered, share) / 1e6, 3) for key, share in spots.items()}


class Tally:
    """What came back of a stream, and the longest time in which nothing did."""

    def __init__(self, record_path=None):
        """`record_path`: a file that gets a line `number sent received seen` (ns) for each arrival;
        seen: by the echo server, 0 where there is none that tells."""
        self.start = time.monotonic_ns()
        self.sent = 0
        self.send_errors = 0
        self.last_send = self.start
        self._numbers = set()
        self._arrivals = []  # number, sent, seen, received (ns)
        self._record = open(record_path, "w", buffering=1) if record_path else None

    def note_sent(self, now):
        self.sent += 1
        self.last_send = now

    def note_received(self, message):
        arrival = (*STAMP.unpack_from(message), time.monotonic_ns())
        self._arrivals.append(arrival)
        self._numbers.add(arrival[0])
        if self._record:
            number, sent, seen, received = arrival
            self._record.write(f"{number} {sent} {received} {seen}\n")

    @property
    def distinct(self):
        return len(self._numbers)

    def _longest_gap(self):
        """The longest gap and its start, in ns; the end counts when the last are missing."""
        moments = [arrival[3] for arrival in self._arrivals] or [self.start]
        if moments[-1] < self.last_send:
            moments.append(self.last_send)
        gaps = [(after - before, before) for before, after in zip(moments, moments[1:])]
        return max(gaps, default=(0, self.start))

    def report(self):
        arrivals, received = self._arrivals, self.distinct
        highest, reordered = -1, 0
        for number, *_ in arrivals:
            reordered += number < highest
            highest = max(highest, number)
        gap, gap_start = self._longest_gap()
        facts = {
            "sent": self.sent,
            "received": received,
            "loss_percent": round(100 * (1 - received / self.sent), 3) if self.sent else None,
            "send_errors": self.send_errors,
            "duplicates": len(arrivals) - received,
            "reordered": reordered,
            "longest_gap_ms": round(gap / 1e6, 2),
            "longest_gap_at_s": round((gap_start - self.start) / 1e9, 3),
            "rtt_ms": times_ms([got - sent for _, sent, _, got in arrivals]),
        }
        if any(seen for _, _, seen, _ in arrivals):
            facts["up_ms"] = times_ms([seen - sent for _, sent, seen, _ in arrivals])
            facts["down_ms"] = times_ms([got - seen for _, _, seen, got in arrivals])
        return facts


def send_regularly(options, tally, send):
    """Sends a message per interval, by the clock, for options.seconds. Late ones go at once."""
    interval = int(options.interval * 1e9)
    padding = bytes(max(0, options.size - STAMP.size))
    for number in range(int(options.seconds / options.interval)):
        wait = tally.start + number * interval - time.monotonic_ns()
        if wait > 0:
            time.sleep(wait / 1e9)
        now = time.monotonic_ns()
        try:
            send(STAMP.pack(number, now, 0) + padding)
        except OSError:
            tally.send_errors += 1
        tally.note_sent(now)


def exchange(options, send, receive_into):
    """Runs sender and receiver together; `receive_into(tally)` reads once, or times out."""
    if options.real_time:
        run_before_programs()
    tally = Tally(options.record)
    sender = threading.Thread(target=send_regularly, args=(options, tally, send), daemon=True)
    sender.start()
    error = None
    while sender.is_alive() or time.monotonic_ns() < tally.last_send + LINGER_S * 1e9:
        if not sender.is_alive() and tally.distinct == tally.sent:
            break
        try:
            receive_into(tally)
        except TimeoutError:
            continue
        except ConnectionRefusedError:
            continue  # an ICMP error for an earlier datagram
        except OSError as failure:
            error = str(failure)
            break
    sender.join(0 if error else None)
    report = tally.report()
    if error:
        report["error"] = error
    elif not report["received"]:
        report["error"] = "nothing came back"
    return report


def mark(datagrams, dscp):
    """Gives what a UDP socket sends a code point, over IPv4 too where the socket is of IPv6."""
    datagrams.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    if datagrams.family == socket.AF_INET6:
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)


def udp_stream(options):
    family, _, _, _, address = socket.getaddrinfo(options.host, options.port,
                                                  type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as stream:
        if options.device:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.device.encode())
        mark(stream, options.dscp)
        stream.connect(address)
        stream.settimeout(0.1)

        def receive_into(tally):
            message = stream.recv(65536)
            if len(message) >= STAMP.size:
                tally.note_received(message)

        return exchange(options, stream.send, receive_into)


def tcp_stream(options):
    size = max(options.size, STAMP.size)
    with connect(options) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(b"echo\n")
        stream.settimeout(0.1)
        # Sending has a socket object of its own, because the time-out belongs to the object.
        sender = stream.dup()
        sender.settimeout(options.timeout)
        pending = bytearray()

        def receive_into(tally):
            data = stream.recv(65536)
            if not data:
                raise ConnectionResetError("closed by the server")
            pending.extend(data)
            while len(pending) >= size:
                tally.note_received(pending)
                del pending[:size]

        with sender:
            return exchange(options, sender.sendall, receive_into)


def udp_echo_server(options):
    """Echoes until it is killed, from the address that was asked, with the time of arrival."""
    if options.real_time:
        run_before_programs()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        mark(server, options.dscp)
        server.bind(("::", options.port))
        print(json.dumps({"listening": options.port}), flush=True)
        while True:
            message, ancillary, _, peer = server.recvmsg(65536, PKTINFO_SPACE)
            if len(message) >= STAMP.size:
                number, sent, _ = STAMP.unpack_from(message)
                stamp = STAMP.pack(number, sent, time.monotonic_ns())
                message = stamp + message[STAMP.size:]
            reply_from = [(level, kind, data[:16] + bytes(4)) for level, kind, data in ancillary]
            try:
                server.sendmsg([message], reply_from, 0, peer)
            except OSError:
                continue  # no way back right now: the client counts it as lost


# Ping


def internet_checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Pinger:
    """ICMP or ICMPv6 echo over a datagram socket, or a raw one where those are not allowed."""

    def __init__(self, family):
        v4 = family == socket.AF_INET
        protocol = socket.IPPROTO_ICMP if v4 else socket.IPPROTO_ICMPV6
        self._request, self._reply = (8, 0) if v4 else (128, 129)
        try:
            self.socket = socket.socket(family, socket.SOCK_DGRAM, protocol)
            self._raw = False
        except PermissionError:
            self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
            self._raw = True
        self._skips_header = self._raw and v4
        self._ident = os.getpid() & 0xFFFF

    def echo_request(self, body):
        # The sequence field is left at zero; the body carries the number.
        header = struct.pack("!BBHHH", self._request, 0, 0, self._ident, 0)
        body += bytes(len(body) % 2)
        # A datagram socket and ICMPv6 get theirs from the kernel.
        checksum = internet_checksum(header + body)
        return struct.pack("!BBHHH", self._request, 0, checksum, self._ident, 0) + body

    def body(self, packet):
        """The body of an echo reply to us; nothing for any other packet."""
        if self._skips_header:
            packet = packet[(packet[0] & 0x0F) * 4:]
        if len(packet) < 8 + STAMP.size or packet[0] != self._reply:
            return None
        if self._raw and packet[4:6] != struct.pack("!H", self._ident):
            return None
        return packet[8:]


def ping(options):
    family, _, _, _, address = socket.getaddrinfo(options.host, None, type=socket.SOCK_DGRAM)[0]
    pinger = Pinger(family)
    options.seconds = options.count * options.interval + 1e-6
    with pinger.socket as connection:
        if options.device:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                                  options.device.encode())
        connection.connect(address)
        connection.settimeout(0.1)

        def receive_into(tally):
            body = pinger.body(connection.recv(65536))
            if body:
                tally.note_received(body)

        return exchange(options, lambda body: connection.send(pinger.echo_request(body)),
                        receive_into)
