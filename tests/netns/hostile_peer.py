#!/usr/bin/python3
"""A peer whose key the server knows and who means harm: the client's side of PROTOCOL.md by hand,
then as many pings as fit through. Prints one line of JSON."""

import argparse
import base64
import json
import os
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vectors"))

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: E402
from generate import (CHACHA20_POLY1305, CLIENT_HELLO, VERSION, Noise, Sealer, agree, hkdf,  # noqa: E402
                      nonce, public, unit)

HELLO_BYTES, SERVER_HELLO_BYTES = 118, 69
MESSAGE_FRAME = 2
HELLO, PING = 1, 3
PINGS_PER_RECORD = 4000
SOFTWARE = b"hostile"


def frame(message):
    return bytes([MESSAGE_FRAME, 0, 0, 0]) + len(message).to_bytes(2, "big") + message


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


def flood(connection, sealer, options):
    """Sends pings until the time is over or the server has enough of it."""
    pings = frame(bytes([PING]) + bytes(8)) * PINGS_PER_RECORD
    report = {"sent": 0, "received": 0, "closed": False}
    end = time.monotonic() + options.seconds
    connection.setblocking(False)
    record = b""
    wanted = select.POLLOUT | (0 if options.deaf else select.POLLIN)
    poll = select.poll()
    poll.register(connection, wanted)
    try:
        while time.monotonic() < end:
            for _, events in poll.poll(100):
                if events & select.POLLIN:
                    got = connection.recv(1 << 20)
                    if not got:
                        raise ConnectionError
                    report["received"] += len(got)
                elif events & (select.POLLERR | select.POLLHUP):
                    raise ConnectionError
                if events & select.POLLOUT:
                    record = record or sealer.seal(pings)
                    sent = connection.send(record)
                    record, report["sent"] = record[sent:], report["sent"] + sent
    except ConnectionError:
        report["closed"] = True
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("key_file", type=Path)
    parser.add_argument("server_key", type=base64.b64decode)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--deaf", action="store_true", help="read nothing")
    options = parser.parse_args()
    own = base64.b64decode(options.key_file.read_text())
    with socket.create_connection((options.host, options.port), timeout=10) as connection:
        sealer = shake_hands(connection, own, options.server_key)
        connection.sendall(sealer.seal(frame(bytes([HELLO, len(SOFTWARE)]) + SOFTWARE)))
        print(json.dumps(flood(connection, sealer, options)), flush=True)


if __name__ == "__main__":
    main()
