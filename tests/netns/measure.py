"""What the tests of a server under stress measure: the rate of a transfer while it goes on, and what
the server holds."""

import json
import os
import statistics
import sys
import threading
import time

from tunnel import TRAFFIC

SAMPLES_PER_S = 10  # of traffic.py --progress


class Download:
    """A download without end from `internet`, through the tunnel, whose rate may be asked for."""

    def __init__(self, lab, role, seconds=600):
        self._progress = lab.directory / f"{role}-download.progress"
        self.child = lab.popen(role, [sys.executable, TRAFFIC, "download", lab.internet4, "5001",
                                      "--seconds", str(seconds), "--progress", self._progress])
        lab.wait_for(lambda: len(self._samples()) > SAMPLES_PER_S, 10, f"{role}: download")

    def _samples(self):
        if not self._progress.exists():
            return []
        lines = self._progress.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def rates(self, seconds):
        """Measures for so long; yields Mbit/s of each second."""
        first = len(self._samples()) - 1
        time.sleep(seconds)
        marks = self._samples()[first::SAMPLES_PER_S]
        return [(after["bytes"] - before["bytes"]) * 8e-6 / (after["t"] - before["t"])
                for before, after in zip(marks, marks[1:])]

    def rate(self, seconds):
        """Measures for so long; yields the median of the seconds, in Mbit/s."""
        return statistics.median(self.rates(seconds))


class ServerWatch:
    """The most memory and descriptors that a process has while the `with` lasts."""

    def __init__(self, pid):
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.kib = self.descriptors = 0

    def __enter__(self):
        self.before_kib, self.before_descriptors = resident_kib(self._pid), descriptors(self._pid)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _sample(self):
        while not self._ended.wait(0.05):
            self.kib = max(self.kib, resident_kib(self._pid))
            self.descriptors = max(self.descriptors, descriptors(self._pid))

    @property
    def grown_kib(self):
        return self.kib - self.before_kib


class LogTail:
    """The lines that a log has got since this was made."""

    def __init__(self, path):
        self._path = path
        self._before = path.stat().st_size

    def text(self):
        with open(self._path) as file:
            file.seek(self._before)
            return file.read()

    def lines(self):
        return self.text().splitlines()


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
