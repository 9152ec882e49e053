"""Bulk transfers over TCP: a server, a download and an upload, with verified content.

The content is a stream that both ends can make from a seed: 1 MiB of pseudo-random bytes over and
over, each time with its number in the first 8 bytes.

A request is one line: `download BYTES SEED` (BYTES 0: without end), `upload`, or `echo`.
"""

import fcntl
import hashlib
import json
import random
import socket
import struct
import sys
import termios
import threading
import time

BLOCK_BYTES = 1 << 20
READ_BYTES = 256 * 1024
SEND_BYTES = 256 * 1024
IPPROTO_MPTCP = 262
SAMPLE_S = 0.1
MAX_REQUEST_BYTES = 100


class Content:
    """The stream of a seed, block by block, as memoryviews that live until the next call."""

    def __init__(self, seed):
        self._block = bytearray(random.Random(seed).randbytes(BLOCK_BYTES))
        self._number = 0

    def next_block(self):
        struct.pack_into("!Q", self._block, 0, self._number)
        self._number += 1
        return memoryview(self._block)

    @classmethod
    def sha256(cls, seed, length):
        content, digest = cls(seed), hashlib.sha256()
        while length > 0:
            digest.update(content.next_block()[:length])
            length -= BLOCK_BYTES
        return digest.hexdigest()


class Meter:
    """Counts bytes as they pass, and notes the longest time in which none did."""

    def __init__(self):
        self.start = self.last = time.monotonic()
        self.first = None
        self.bytes = 0
        self.stall_s = 0.0
        self.stall_at_s = 0.0
        self._mark = None  # time and bytes at the end of the first second

    def count(self, length):
        now = time.monotonic()
        if self.first is None:
            self.first = now
        else:
            self._note_stall(now)
        if self._mark is None and now - self.start >= 1:
            self._mark = (now, self.bytes + length)
        self.last = now
        self.bytes += length

    def _note_stall(self, now):
        if now - self.last > self.stall_s:
            self.stall_s, self.stall_at_s = now - self.last, self.last - self.start

    def end(self):
        """Counts the silence at the end of a transfer as a stall, and as time."""
        now = time.monotonic()
        self._note_stall(now)
        self.last = now

    def report(self):
        seconds = max(self.last - self.start, 1e-9)
        facts = {
            "bytes": self.bytes,
            "seconds": round(seconds, 4),
            "mbit_s": round(self.bytes * 8 / seconds / 1e6, 3),
            "first_byte_ms": round(((self.first or self.last) - self.start) * 1e3, 2),
            "longest_stall_ms": round(self.stall_s * 1e3, 2),
            "longest_stall_at_s": round(self.stall_at_s, 3),
        }
        if self._mark and self.last > self._mark[0]:
            rate = (self.bytes - self._mark[1]) * 8 / (self.last - self._mark[0]) / 1e6
            facts["mbit_s_after_first_second"] = round(rate, 3)
        return facts


class Progress:
    """Writes {"t": seconds, "bytes": so far} to a file every 100 ms while the `with` lasts."""

    def __init__(self, path, count):
        self._path, self._count = path, count
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self):
        start = time.monotonic()
        with open(self._path, "w") as file:
            while True:
                ended = self._ended.wait(SAMPLE_S - (time.monotonic() - start) % SAMPLE_S)
                sample = {"t": round(time.monotonic() - start, 3), "bytes": self._count()}
                print(json.dumps(sample), file=file, flush=True)
                if ended:
                    return

    def __enter__(self):
        if self._path:
            self._thread.start()

    def __exit__(self, *_):
        self._ended.set()
        if self._path:
            self._thread.join()


def set_congestion_control(sender, options):
    """Cubic unless asked for another: Linux's own default, whatever this host's is."""
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, options.congestion.encode())


def connect(options):
    """A TCP (or MPTCP) connection to options.host and .port, from options.device if given."""
    family, _, _, _, address = socket.getaddrinfo(options.host, options.port,
                                                  type=socket.SOCK_STREAM)[0]
    connection = socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP if options.mptcp else 0)
    try:
        if options.device:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                                  options.device.encode())
        set_congestion_control(connection, options)
        connection.settimeout(options.timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


class Deadline:
    """The end of a transfer in time, if it has one, and of the patience with a silent peer."""

    def __init__(self, options):
        self._end = time.monotonic() + options.seconds if options.seconds else None
        self._patience_s = options.timeout

    def passed(self):
        return self._end is not None and time.monotonic() >= self._end

    def arm(self, connection):
        """Lets the next call on the connection last until then at most."""
        left = self._patience_s
        if self._end is not None:
            left = min(left, max(self._end - time.monotonic(), 0.001))
        connection.settimeout(left)

    def forgive(self, error):
        """Raises a time-out again, unless it is the planned end."""
        if not self.passed():
            raise error


def receive(connection, meter, digest, deadline=None, limit=None):
    """Reads until the deadline, `limit` bytes, or the end of the stream."""
    buffer = bytearray(READ_BYTES)
    view = memoryview(buffer)
    while limit is None or meter.bytes < limit:
        try:
            if deadline:
                if deadline.passed():
                    return
                deadline.arm(connection)
            length = connection.recv_into(buffer)
        except TimeoutError as error:
            return deadline.forgive(error)
        if length == 0:
            return
        meter.count(length)
        digest.update(view[:length])


def download(options):
    """Yields the report of a download of options.bytes, or for options.seconds."""
    report = {}
    connecting = time.monotonic()
    with connect(options) as connection:
        report["connect_ms"] = round((time.monotonic() - connecting) * 1e3, 2)
        connection.sendall(f"download {options.bytes or 0} {options.seed}\n".encode())
        meter, digest = Meter(), hashlib.sha256()
        with Progress(options.progress, lambda: meter.bytes):
            try:
                receive(connection, meter, digest, Deadline(options), options.bytes)
            except OSError as error:
                report["error"] = f"after {meter.bytes} bytes: {error}"
    meter.end()
    report.update(meter.report())
    report["sha256_ok"] = digest.hexdigest() == Content.sha256(options.seed, meter.bytes)
    if options.bytes and meter.bytes != options.bytes:
        report.setdefault("error", f"{meter.bytes} of {options.bytes} bytes")
    return report


def send_content(connection, options, meter, digest):
    content, deadline = Content(options.seed), Deadline(options)
    while not options.bytes or meter.bytes < options.bytes:
        block = content.next_block()
        if options.bytes:
            block = block[:options.bytes - meter.bytes]
        while block:
            if deadline.passed():
                return
            deadline.arm(connection)
            try:
                length = connection.send(block[:SEND_BYTES])
            except TimeoutError as error:
                return deadline.forgive(error)
            meter.count(length)
            digest.update(block[:length])
            block = block[length:]


def acknowledged(connection, meter):
    """Bytes that the peer's kernel has, as far as this end knows."""
    try:
        unsent = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return max(0, meter.bytes - struct.unpack("i", unsent)[0])
    except OSError:
        return meter.bytes


def upload(options):
    """Yields the server's report of an upload: what arrived, and when; plus whether it is right."""
    report = {}
    connecting = time.monotonic()
    with connect(options) as connection:
        report["connect_ms"] = round((time.monotonic() - connecting) * 1e3, 2)
        connection.sendall(b"upload\n")
        meter, digest = Meter(), hashlib.sha256()
        with Progress(options.progress, lambda: acknowledged(connection, meter)):
            try:
                send_content(connection, options, meter, digest)
                connection.settimeout(options.timeout)
                connection.shutdown(socket.SHUT_WR)
                arrived = json.loads(connection.makefile().readline() or "{}")
            except OSError as error:
                meter.end()
                return {**report, **meter.report(), "sha256_ok": False,
                        "error": f"after {meter.bytes} bytes: {error}"}
    if not arrived:
        return {**report, **meter.report(), "sha256_ok": False, "error": "no report from server"}
    sha256_ok = arrived.pop("sha256") == digest.hexdigest()
    return {**report, **arrived, "sha256_ok": sha256_ok}


# The server


def read_request(connection):
    request = b""
    while not request.endswith(b"\n") and len(request) < MAX_REQUEST_BYTES:
        byte = connection.recv(1)
        if not byte:
            return []
        request += byte
    return request.decode(errors="replace").split()


def serve_download(connection, length, seed):
    content, sent = Content(seed), 0
    while length == 0 or sent < length:
        block = content.next_block()
        if length:
            block = block[:length - sent]
        connection.sendall(block)
        sent += len(block)


def serve_upload(connection):
    meter, digest = Meter(), hashlib.sha256()
    receive(connection, meter, digest)
    report = {**meter.report(), "sha256": digest.hexdigest()}
    connection.sendall(json.dumps(report).encode() + b"\n")


def serve_echo(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(65536):
        connection.sendall(data)


def serve(connection, peer):
    with connection:
        try:
            match read_request(connection):
                case ["download", length, seed]:
                    serve_download(connection, int(length), int(seed))
                case ["upload"]:
                    serve_upload(connection)
                case ["echo"]:
                    serve_echo(connection)
                case request:
                    print(f"{peer}: bad request {request}", file=sys.stderr, flush=True)
        except (OSError, ValueError) as error:
            # Expected when a client of a download without end has seen enough.
            print(f"{peer}: {error}", file=sys.stderr, flush=True)


def tcp_server(options):
    """Serves until it is killed; says `listening` and, on stderr, who came from where."""
    protocol = IPPROTO_MPTCP if options.mptcp else 0
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        set_congestion_control(listener, options)
        listener.bind(("::", options.port))
        listener.listen(64)
        print(json.dumps({"listening": options.port}), flush=True)
        while True:
            connection, address = listener.accept()
            peer = f"{address[0].removeprefix('::ffff:')} port {address[1]}"
            print(f"connection from {peer}", file=sys.stderr, flush=True)
            threading.Thread(target=serve, args=(connection, peer), daemon=True).start()
