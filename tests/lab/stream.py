"""A stream of small messages that runs beside a test, and what it went through at which time."""

import bisect
import sys

from lab import TRAFFIC

MESSAGE_S = 0.01


class Stream:
    """One connection of traffic.py's tcp-stream or udp-stream with a message every 10 ms, each
    echoed by the far end. Times are time.monotonic()'s, which all namespaces share."""

    def __init__(self, lab, host, port, kind="tcp-stream", role="client", seconds=3600):
        self._lab = lab
        self._path = lab.directory / f"{kind}-{role}-{host}.arrivals"
        self._path.unlink(missing_ok=True)
        # It measures, so it goes before what it measures.
        self._child = lab.popen(role, ["chrt", "-f", "1", sys.executable, TRAFFIC, kind, host, port,
                                       "--interval", "10ms", "--seconds", seconds, "--timeout",
                                       "600s", "--record", self._path])
        self._read = 0
        self.moments = []  # of the messages that came back, in order
        self.fault = None  # the first that was not the next
        lab.wait_for(lambda: self._update() or self.moments, 10, f"{kind} to {host}")

    def stop(self):
        self._lab.stop(self._child)

    def _update(self):
        if not self._path.exists():
            return
        with open(self._path) as file:
            file.seek(self._read)
            text = file.read()
        whole = text[:text.rfind("\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            number, _, received, _ = line.split()
            if int(number) != len(self.moments):
                self.fault = self.fault or f"message {number} in place of {len(self.moments)}"
            self.moments.append(int(received) / 1e9)

    def longest_gap(self, begin, end):
        """The longest time, in s, without an arrival that lies at least partly in that window."""
        self._update()
        first = max(0, bisect.bisect_right(self.moments, begin) - 1)
        moments = [moment for moment in self.moments[first:] if moment < end] + [end]
        return max(after - before for before, after in zip([begin, *moments], moments)
                   if after > begin)

    def broken(self):
        """What is wrong with the connection or its order so far; nothing when all is right. (Of
        udp-stream it tells of each loss.)"""
        self._update()
        if self._child.poll() is not None:
            return f"the connection ended: {self._child.log_path.read_text().strip()}"
        return self.fault

    def last(self):
        """When the last message came back."""
        self._update()
        return self.moments[-1]

    def ended(self):
        return self._child.poll() is not None

    def settle(self, timeout=10.0):
        """Waits until messages come back without delay. LabError when they do not."""
        def flows():
            self._update()
            before = len(self.moments)
            self._lab.wait_for(lambda: self._update() or len(self.moments) >= before + 20, timeout,
                               "stream flows")
            recent = self.moments[-20:]
            return recent[-1] - recent[0] < 30 * MESSAGE_S
        self._lab.wait_for(flows, timeout, "stream settles")
