#!/usr/bin/python3
"""What strangers can do to a server while a client uses it: nothing that the client notices."""

import json
import os
import sys
import unittest

from tunnel import TRAFFIC, Tunnel

HELLO_SIZE = 118
REFUSED_UNIT = "03000000"
PATIENCE_S = 5  # PROTOCOL.md, "Before authentication"
LIMIT, PER_SOURCE = 64, 16
SOURCES = [f"192.0.2.{n}" for n in range(81, 89)]  # a quarter of the limit each: they can fill it

# Sends the bytes (hex) and prints what came until the end (hex), and after how long.
TALK = """
import json, socket, sys, time
began = time.monotonic()
peer = socket.create_connection((sys.argv[1], 8684), timeout=15)
answer = b""
try:
    peer.sendall(bytes.fromhex(sys.argv[2]))
    while part := peer.recv(4096): answer += part
except ConnectionError:
    pass
print(json.dumps({"answer": answer.hex(), "seconds": time.monotonic() - began}))
"""

# Sends each datagram (hex) and prints what comes within half a second of the last (hex).
SHOUT = """
import json, socket, sys
info = socket.getaddrinfo(sys.argv[1], 8684, type=socket.SOCK_DGRAM)[0]
peer = socket.socket(info[0], socket.SOCK_DGRAM)
peer.settimeout(0.5)
peer.connect(info[4])
for datagram in sys.argv[2:]:
    peer.send(bytes.fromhex(datagram))
answers = []
try:
    while len(answers) < 100: answers.append(peer.recv(4096).hex())
except TimeoutError:
    pass
print(json.dumps(answers))
"""

# Keeps as many silent connections open as it is told, a new one for each that is closed.
SIT = """
import select, socket, sys, time
server, count, seconds, sources = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
poll, open_ones, made = select.poll(), {}, 0
def refill():
    global made
    peer = socket.socket()
    peer.setblocking(False)
    peer.bind((sources[made % len(sources)], 0))
    peer.connect_ex((server, 8684))
    open_ones[peer.fileno()] = peer
    poll.register(peer, select.POLLIN)
    made += 1
for _ in range(count): refill()
end = time.monotonic() + seconds
while time.monotonic() < end:
    for fd, _ in poll.poll(100):
        poll.unregister(fd)
        open_ones.pop(fd).close()
        refill()
    time.sleep(0.02)
print("made", made)
"""


class Strangers(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel(server_settings={"limits": {
            "unauthenticated": LIMIT, "unauthenticated_per_source": PER_SOURCE}})
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client, self.server = (self.tunnel.lab, self.tunnel.client,
                                              self.tunnel.server)
        self.tunnel.start()

    def talk(self, sent):
        done = self.lab.run("internet", [sys.executable, "-c", TALK, self.lab.server4, sent.hex()])
        return json.loads(done.stdout)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid()}/fd"))

    def assert_tunnel_answers(self):
        report = self.lab.traffic("client", "ping", self.lab.internet4, "--count", "5",
                                  "--interval", "50ms")
        self.assertEqual(report["received"], 5, report)

    def test_garbage_is_refused(self):
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", bytes(4096),
                        b"\xff" + os.urandom(64)):
            report = self.talk(garbage)
            self.assertIn(report["answer"], (REFUSED_UNIT, ""), garbage)
            self.assertLess(report["seconds"], 2, garbage)
        self.assertEqual(self.server.status()["refused_connections"], 4)
        self.assert_tunnel_answers()

    def test_a_hello_of_random_bytes_is_refused_with_an_empty_unit(self):
        body = HELLO_SIZE - 4
        report = self.talk(b"\x01\x00" + body.to_bytes(2, "big") + os.urandom(body))
        self.assertEqual(report["answer"], REFUSED_UNIT)
        self.assertEqual(self.server.status()["refused_connections"], 1)
        self.assert_tunnel_answers()

    def test_a_silent_connection_is_closed_without_an_answer(self):
        report = self.talk(b"")
        self.assertEqual(report["answer"], "")
        self.assertGreater(report["seconds"], PATIENCE_S - 0.5)
        self.assertLess(report["seconds"], PATIENCE_S + 1.5)
        self.assertEqual(self.server.status()["refused_connections"], 1)

    def test_datagrams_of_strangers_get_no_answer(self):
        probe = b"\1" + bytes(7) + os.urandom(8) + os.urandom(16)
        for server in (self.lab.server4, self.lab.server6):
            before = self.server.status()["foreign_probes"]
            sent = [probe, probe[:-1], b"\2" + probe[1:], b"", b"x", bytes(1400)]
            done = self.lab.run("internet", [sys.executable, "-c", SHOUT, server,
                                             *(datagram.hex() for datagram in sent)])
            self.assertEqual(json.loads(done.stdout), [])
            self.assertEqual(self.server.status()["foreign_probes"], before + len(sent))
        self.assert_tunnel_answers()

    def sit(self, seconds, *sources):
        """A hundred silent connections at once; yields the Popen once the server feels them."""
        child = self.lab.popen("internet", [sys.executable, "-c", SIT, self.lab.server4, "100",
                                            str(seconds), *sources])
        self.lab.wait_for(lambda: self.server.status()["turned_away_connections"] > 0, 5,
                          "visitors turned away")
        return child

    def assert_unharmed_by(self, seconds, *sources):
        before = self.descriptors()
        strangers = self.sit(seconds, *sources)
        pings = self.lab.popen("client", [sys.executable, TRAFFIC, "ping", self.lab.internet4,
                                          "--count", "40", "--interval", "50ms"])
        pings.wait(20)
        report = json.loads(pings.log_path.read_text().strip().splitlines()[-1])
        self.assertGreaterEqual(report["received"], 38, report)
        self.assertLessEqual(self.descriptors(), before + LIMIT)

        self.assertEqual(self.client.verb("restart").returncode, 0)
        self.client.wait_active("wifi", "lte")
        self.assert_tunnel_answers()
        self.assertIsNone(strangers.poll(), "the strangers were there all the time")

        strangers.wait(seconds + 10)
        made = int(strangers.log_path.read_text().split()[-1])
        self.lab.wait_for(lambda: self.descriptors() <= before, PATIENCE_S + 3,
                          "descriptors of the strangers freed", interval=0.2)
        status = self.server.status()
        ended = status["refused_connections"] + status["turned_away_connections"]
        self.assertGreater(status["turned_away_connections"], 0)
        self.assertLessEqual(ended, made, status)
        self.assertGreaterEqual(ended, 100, status)

    def test_silent_connections_of_one_host_do_not_keep_a_client_out(self):
        self.assert_unharmed_by(8, self.lab.internet4)

    def test_silent_connections_of_many_hosts_do_not_keep_a_client_out(self):
        for source in SOURCES:
            self.lab.run("internet", ["ip", "addr", "add", f"{source}/24", "dev", "eth0"])
        self.assert_unharmed_by(8, *SOURCES)


if __name__ == "__main__":
    unittest.main(verbosity=2)
