"""The traffic of a soak: small messages, transfers in both directions in turn, and a connection
that hardly ever speaks. Each checks what it carries."""

import itertools
import json
import subprocess
import sys
import time

from lab import TRAFFIC
from stream import Stream

TRANSFER_S = 20
PATIENCE_S = "60s"  # of a transfer that stands still, which is reported long before
IDLE_S = 60
PORT, UDP_PORT = "5001", "5002"

# Speaks once in a while on one connection; a line on stdout for each answer that was right.
RARE_WORDS = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60)
peer.sendall(b"echo\\n")
for number in range(10**6):
    word = b"word %d\\n" % number
    peer.sendall(word)
    answer = b""
    while len(answer) < len(word):
        part = peer.recv(4096)
        if not part: sys.exit("closed")
        answer += part
    if answer != word: sys.exit("%r in place of %r" % (answer, word))
    print(number, flush=True)
    time.sleep(float(sys.argv[3]))
"""


class Transfers:
    """A download, an upload and a rest in turn; transfers have a checksum."""

    def __init__(self, lab):
        self._lab = lab
        self._kinds = itertools.cycle(("download", "upload", None))
        self._progress = lab.directory / "transfer.progress"
        self.count = self.bytes = 0
        self._begin()

    def _begin(self):
        self._progress.unlink(missing_ok=True)
        self._seen = 0
        self.moved = time.monotonic()  # when bytes were last seen to move
        kind = next(self._kinds)
        transfer = [sys.executable, TRAFFIC, kind, self._lab.internet4, PORT, "--seconds",
                    TRANSFER_S, "--timeout", PATIENCE_S, "--progress", self._progress]
        self.rests = kind is None
        self._child = self._lab.popen("client", transfer if kind else ["sleep", TRANSFER_S])

    def poll(self):
        """Notes progress, and begins the next when one is done; yields what was wrong with it."""
        self._note_progress()
        if self._child.poll() is None:
            return None
        if self.rests:
            return self._begin()
        lines = self._child.log_path.read_text().strip().splitlines() or ["{}"]
        self._child.log_path.unlink()
        self._lab.stop(self._child)
        self._begin()
        try:
            report = json.loads(lines[-1])
        except ValueError:
            report = {"error": lines[-1]}
        self.count += 1
        self.bytes += report.get("bytes", 0)
        good = report.get("sha256_ok") and "error" not in report
        return None if good else f"transfer {self.count}: {json.dumps(report)}"

    def _note_progress(self):
        lines = self._progress.read_text().splitlines() if self._progress.exists() else []
        samples = [json.loads(line)["bytes"] for line in lines[-2:] if line.endswith("}")]
        if samples and samples[-1] != self._seen:
            self._seen, self.moved = samples[-1], time.monotonic()


class SoakTraffic:
    """All of it."""

    def __init__(self, lab):
        self._lab = lab
        lab.traffic_server("internet", "tcp-server", PORT)
        lab.traffic_server("internet", "udp-echo-server", UDP_PORT)
        self.tcp = Stream(lab, lab.internet4, PORT, seconds=10**6)
        self.udp = Stream(lab, lab.internet4, UDP_PORT, "udp-stream", seconds=10**6)
        self.transfers = Transfers(lab)
        self._rare = lab.popen("client", [sys.executable, "-c", RARE_WORDS, lab.internet4, PORT,
                                          str(IDLE_S)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)

    def wrong(self):
        """Yields what is found to be wrong now, each thing once; nothing when all is right."""
        found = [self.transfers.poll()]
        if self._rare and self._rare.poll() is not None:
            found.append(f"the idle connection ended: {self._rare.stderr.read().strip()}")
            self._rare = None
        if self.tcp and (problem := self.tcp.broken()):
            found.append(f"stream over TCP: {problem}")
            self.tcp = None
        return [problem for problem in found if problem]

    def last_progress(self):
        """When each kind of traffic last moved."""
        found = {"udp": self.udp.last(), "transfer": self.transfers.moved}
        if self.transfers.rests:
            del found["transfer"]
        return found | ({"tcp": self.tcp.last()} if self.tcp else {})

    def streams(self):
        return {"udp": self.udp} | ({"tcp": self.tcp} if self.tcp else {})
