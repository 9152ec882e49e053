"""Numbered UDP packets between two namespaces, timed by the kernel: what linkem_test.py measures
with. The receiver's time is the kernel's receive stamp, so a late reader does not spoil it."""

import socket
import struct
import threading
import time
from dataclasses import dataclass

from netns import inside

UDP_SEGMENT = 103  # linux/udp.h
SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the stamp is a timespec of CLOCK_REALTIME
SO_RCVBUFFORCE = 33
IP_UDP_HEADERS = 28
MAX_BURST = 40  # packets handed to the kernel at once: a super-packet stays below 64 KiB
HEADER = struct.Struct("!QQ")  # number, sent (ns)


def socket_in(netns, address):
    """A UDP socket bound in a namespace."""
    with inside(netns):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((address, 9000))
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    return opened


@dataclass
class Arrival:
    number: int
    sent_s: float
    received_s: float
    ip_bytes: int

    @property
    def delay_ms(self):
        return (self.received_s - self.sent_s) * 1e3


class Receiver:
    """Collects arrivals in a thread while the `with` lasts, and `linger_s` longer."""

    def __init__(self, sock, linger_s=0.3):
        self._socket, self._linger_s = sock, linger_s
        self._socket.settimeout(0.05)
        self._end = None
        self._raw = []
        self._thread = threading.Thread(target=self._collect, daemon=True)

    def _collect(self):
        while self._end is None or time.monotonic() < self._end:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, 64)
            except TimeoutError:
                continue
            self._raw.append((data[:HEADER.size], len(data), ancillary[0][2]))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end = time.monotonic() + self._linger_s
        self._thread.join()

    def arrivals(self):
        found = []
        for header, length, stamp in self._raw:
            number, sent = HEADER.unpack(header)
            seconds, ns = struct.unpack("qq", stamp)
            found.append(Arrival(number, sent / 1e9, seconds + ns / 1e9, length + IP_UDP_HEADERS))
        return found


def burst(number, count, payload_bytes):
    """`count` packets numbered from `number`, in one buffer."""
    sent = time.time_ns()
    padding = bytes(payload_bytes - HEADER.size)
    return b"".join(HEADER.pack(number + i, sent) + padding for i in range(count))


def send(sock, target, rate_pps, seconds, payload_bytes=1472, stop=lambda: False):
    """Sends at a steady rate, in small bursts where the rate is high; yields how many."""
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, payload_bytes)
    start, number = time.monotonic(), 0
    total = int(rate_pps * seconds)
    while number < total and not stop():
        due = min(total, int((time.monotonic() - start) * rate_pps) + 1)
        while number < due:
            count = min(MAX_BURST, due - number)
            sock.sendto(burst(number, count, payload_bytes), (target, 9000))
            number += count
        wait = start + number / rate_pps - time.monotonic()
        time.sleep(max(wait, 0.001))
    return number
