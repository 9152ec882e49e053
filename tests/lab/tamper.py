#!/usr/bin/python3
"""Somebody on the path: relays TCP connections and changes one bit of each.

    tamper.py PORT HOST HOST_PORT --at BYTES [--towards server|client]

Prints a line of JSON for each bit that it has changed.
"""

import argparse
import json
import socket
import sys
import threading

PIECE = 64 * 1024


class Stream:
    """One direction of a connection. The bit is changed in byte number `at`, if there is one."""

    def __init__(self, source, sink, at=None):
        self._source, self._sink, self._at = source, sink, at
        self._passed = 0

    def run(self):
        try:
            while piece := bytearray(self._source.recv(PIECE)):
                self._change(piece)
                self._sink.sendall(piece)
                self._passed += len(piece)
        except OSError:
            pass
        for end in (self._source, self._sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _change(self, piece):
        if self._at is None or not self._passed <= self._at < self._passed + len(piece):
            return
        piece[self._at - self._passed] ^= 1
        print(json.dumps({"changed": self._at}), flush=True)


def relay(client, options):
    server = socket.create_connection((options.host, options.host_port), timeout=10)
    server.settimeout(None)
    up = Stream(client, server, options.at if options.towards == "server" else None)
    down = Stream(server, client, options.at if options.towards == "client" else None)
    for stream in (up, down):
        threading.Thread(target=stream.run, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("host")
    parser.add_argument("host_port", type=int)
    parser.add_argument("--at", type=int, required=True, help="number of the byte, from 0")
    parser.add_argument("--towards", choices=("server", "client"), default="server")
    options = parser.parse_args()
    with socket.create_server(("", options.port)) as listener:
        print(json.dumps({"listening": options.port}), flush=True)
        while True:
            relay(listener.accept()[0], options)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
