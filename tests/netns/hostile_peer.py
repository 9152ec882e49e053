#!/usr/bin/python3
"""A peer whose key the server knows and who means harm: the client's side of PROTOCOL.md by hand,
then as many pings or tiny packets as fit through. Prints one line of JSON."""

import argparse
import base64
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vectors"))

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: E402
from generate import (CHACHA20_POLY1305, CLIENT_HELLO, VERSION, Noise, Sealer, agree, hkdf,  # noqa: E402
                      nonce, public, unit)

HELLO_BYTES, SERVER_HELLO_BYTES = 118, 69
PACKET_FRAME, MESSAGE_FRAME = 1, 2
HELLO, PING = 1, 3
LONGEST_WAIT_S = 0.005
SOFTWARE = b"hostile"


def frame(payload, kind=MESSAGE_FRAME):
    return bytes([kind, 0, 0, 0]) + len(payload).to_bytes(2, "big") + payload


def bare_packet(source, destination):
    """An IPv4 header and nothing else, of a protocol that nobody speaks."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20, 0, 0, 64, 253, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    total = sum(struct.unpack("!10H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xffff) + header[12:]


def receive(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionError(f"closed after {data.hex()}")
        data += part
    return data


def shake_hands(connection, own, server):
    """Yields the sealer of what the client sends."""
    clear, ephemeral = bytes([VERSION, CHACHA20_POLY1305]), os.urandom(32)
    noise = Noise(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b", b"braid" + clear)
    noise.mix_hash(server)
    noise.ephemeral(public(ephemeral))
    noise.mix_key(agree(ephemeral, server))
    first = public(ephemeral) + noise.seal(public(own))
    noise.mix_key(agree(own, server))
    first += noise.seal(bytes(16))
    connection.sendall(unit(CLIENT_HELLO, clear + first))

    answer = receive(connection, SERVER_HELLO_BYTES)[4:]
    noise.ephemeral(answer[:32])
    noise.mix_key(agree(ephemeral, answer[:32]))
    noise.mix_key(agree(own, answer[:32]))
    noise.mix_key_and_hash(bytes(32))
    chosen = ChaCha20Poly1305(noise.key).decrypt(nonce(0), answer[32:], noise.h)
    return Sealer(chosen[0], hkdf(noise.ck, b"")[0][:32])


class Flood:
    """Sends frames at a rate until the time is over or the server has enough of it."""

    def __init__(self, connection, sealer, options):
        self._connection, self._sealer, self._options = connection, sealer, options
        one = frame(bytes([PING]) + bytes(8))
        if options.packets:
            one = frame(bare_packet(*options.packets), PACKET_FRAME)
        self._frames = one * options.frames_per_record
        self._unsent = b""
        self._sent = self._received = 0
        self._ended = False

    def end(self, *_):
        self._ended = True

    def run(self):
        """Yields the report, on SIGTERM too."""
        self._connection.setblocking(False)
        self._began = time.monotonic()
        try:
            while not self._ended and (passed := self._passed()) < self._options.seconds:
                self._turn(self._options.mbit * 1e6 / 8 * passed)
        except ConnectionError:
            return self._report(closed=True)
        return self._report(closed=False)

    def _passed(self):
        return time.monotonic() - self._began

    def _report(self, closed):
        return {"sent": self._sent, "received": self._received, "closed": closed}

    def _turn(self, due):
        """Sends until `due` bytes have gone in all, or no more fits; waits for what comes next."""
        if self._sent < due and self._send():
            return
        reading = [] if self._options.deaf else [self._connection]
        writing = [self._connection] if self._sent < due else []
        readable, _, _ = select.select(reading, writing, [], LONGEST_WAIT_S)
        if readable:
            part = self._connection.recv(1 << 20)
            if not part:
                raise ConnectionError
            self._received += len(part)

    def _send(self):
        self._unsent = self._unsent or self._sealer.seal(self._frames)
        try:
            length = self._connection.send(self._unsent)
        except BlockingIOError:
            return False
        self._unsent = self._unsent[length:]
        self._sent += length
        return not self._unsent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("key_file", type=Path)
    parser.add_argument("server_key", type=base64.b64decode)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--mbit", type=float, default=100, help="a second, at most")
    parser.add_argument("--frames-per-record", type=int, default=4000)
    parser.add_argument("--packets", nargs=2, metavar=("SOURCE", "DESTINATION"),
                        help="IPv4 headers instead of pings")
    parser.add_argument("--deaf", action="store_true", help="read nothing")
    options = parser.parse_args()
    own = base64.b64decode(options.key_file.read_text())
    with socket.create_connection((options.host, options.port), timeout=10) as connection:
        sealer = shake_hands(connection, own, options.server_key)
        connection.sendall(sealer.seal(frame(bytes([HELLO, len(SOFTWARE)]) + SOFTWARE)))
        flood = Flood(connection, sealer, options)
        signal.signal(signal.SIGTERM, flood.end)
        print(json.dumps(flood.run()), flush=True)


if __name__ == "__main__":
    main()
