#!/usr/bin/python3
"""A session outlives its connections: inner connections do not notice that everything was gone.

BRAID_AWAY_SECONDS says for how long the uplinks are gone; it has to be more than the time after
which both ends give a silent connection up.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from measure import LogTail
from tunnel import ROOT, Tunnel

from machine import Machine

ATTACK = ROOT / "tests" / "lab" / "attack.py"
AWAY_S = float(os.environ.get("BRAID_AWAY_SECONDS", "20"))
ASLEEP_S = 15
BACK_S = 5            # from the return of an uplink to an answer through the tunnel
RESTARTED_S = 2
LANE_JOIN = 4         # the unit
UPLINKS = ("wifi", "lte")

# One connection, on which each word from stdin goes there and back; prints the seconds it took.
CONVERSATION = """
import json, socket, sys, time
peer = socket.create_connection((sys.argv[1], 5001), timeout=30)
peer.sendall(b"echo\\n")
for line in sys.stdin:
    word, answer, began = line.encode(), b"", time.monotonic()
    peer.sendall(word)
    while len(answer) < len(word):
        part = peer.recv(4096)
        if not part: sys.exit("closed")
        answer += part
    print(json.dumps({"right": answer == word, "seconds": time.monotonic() - began}), flush=True)
"""


class Conversation:
    """An inner TCP connection from the client to a host behind the server."""

    def __init__(self, lab):
        self._lab = lab
        self._child = lab.popen("client", [sys.executable, "-c", CONVERSATION, lab.internet4],
                                stdin=subprocess.PIPE, text=True)
        self._spoken = 0

    def close(self):
        self._child.stdin.close()

    def say(self, word, timeout=BACK_S):
        """Yields the seconds until the answer came; LabError when none comes in time."""
        self._child.stdin.write(word + "\n")
        self._child.stdin.flush()
        self._spoken += 1

        def answered():
            lines = self._child.log_path.read_text().splitlines()
            if self._child.poll() is not None:
                raise AssertionError(f"the inner connection broke: {lines}")
            return len(lines) >= self._spoken and json.loads(lines[-1])

        answer = self._lab.wait_for(answered, timeout, f"answer to '{word}'")
        assert answer["right"], answer
        return answer["seconds"]


class Resume(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel()
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client, self.server = (self.tunnel.lab, self.tunnel.client,
                                              self.tunnel.server)
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.tunnel.start()
        self.conversation = Conversation(self.lab)
        self.addCleanup(self.conversation.close)
        self.conversation.say("good evening")
        self.inside = self.inner_view()
        self.server_log = LogTail(self.server.log)

    def inner_view(self):
        """What inner connections depend on: the TUN, which is the same one by its number, and
        the addresses."""
        shown = json.loads(self.lab.run("client", ["ip", "-j", "addr", "show", "braid0"]).stdout)[0]
        return {"number": shown["ifindex"],
                "addresses": sorted(a["local"] for a in shown["addr_info"]),
                "status": self.client.status()["tun"]}

    def logged(self, event):
        return f"{event} peer={self.client.folder.name} " in self.server_log.text()

    def assert_resumed(self):
        took = self.conversation.say("good morning")
        print(f"the inner connection goes on after {took:.1f} s", flush=True)
        self.assertTrue(self.logged("session resumed"), self.server_log.text())
        self.assertFalse(self.logged("session up"), self.server_log.text())
        self.assertIn(self.client.status()["state"], ("up", "degraded"))  # others are on their way
        self.assertEqual(self.inner_view(), self.inside)

    def test_after_all_interfaces_were_down_over_the_one_that_is_up_first(self):
        for name in UPLINKS:
            self.lab.link_down(name)
        time.sleep(AWAY_S)
        self.lab.link_up("lte")
        self.assert_resumed()
        self.lab.link_up("wifi")
        self.client.wait_active(*UPLINKS)

    def test_after_all_uplinks_lost_every_packet(self):
        for name in UPLINKS:
            self.lab.blackhole(name)
        time.sleep(AWAY_S)
        for name in UPLINKS:
            self.lab.heal(name)
        self.assert_resumed()
        self.client.wait_active(*UPLINKS)

    def sleep_and_wake(self):
        pid = self.client.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(ASLEEP_S)
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_after_the_laptop_was_asleep(self):
        self.sleep_and_wake()
        self.assert_resumed()
        self.client.wait_active(*UPLINKS)

    def test_a_join_that_somebody_has_recorded_is_of_no_use(self):
        path = self.lab.directory / "join"
        sniffer = self.lab.popen("server", [sys.executable, ATTACK, "sniff", "eth0", "8684",
                                            str(LANE_JOIN), path])
        self.lab.wait_for(lambda: sniffer.log_path.read_bytes(), 5, "sniffer listening")
        self.sleep_and_wake()
        self.assert_resumed()
        self.assertEqual(sniffer.wait(5), 0, sniffer.log_path.read_text())

        log = LogTail(self.server.log)
        replay = self.lab.run("internet", [sys.executable, ATTACK, "replay", self.lab.server4,
                                           "8684", "--file", path, "--seconds", "2",
                                           "--connections", "20", "--rate", "50"])
        report = json.loads(replay.stdout)
        self.assertGreater(report["connected"], 10, report)
        self.assertNotIn("lane_accept", report["answers"], report)
        for event in ("session up", "session resumed", "session waits"):
            self.assertNotIn(event, log.text())
        self.conversation.say("still here")

    def test_a_server_that_was_restarted_gets_a_new_handshake(self):
        self.server.verb("restart")
        with Machine() as machine:
            began = time.monotonic()
            self.lab.wait_for(lambda: self.logged("session up"), 10, "session up again")
            self.lab.wait_for(lambda: self.client.status()["state"] == "up", 10, "client up again")
            took = time.monotonic() - began
        print(f"up again after {took:.1f} s", flush=True)
        self.assertLess(took, RESTARTED_S * machine.ease, machine)
        self.assertFalse(self.logged("session resumed"), self.server_log.text())
        self.assertEqual(self.inner_view(), self.inside)


if __name__ == "__main__":
    unittest.main(verbosity=2)
