"""What processes have used, from proc(5)."""

import os
import time
from pathlib import Path

KERNEL_THREADS = 2  # the parent of them all: some work for the lab


def cpu_seconds(pid):
    """utime and stime of all its threads."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident_mib(pid):
    """The most memory that it has had at once (VmHWM)."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


class Others:
    """The share of all cores' time that programs take which are none of a lab's, and not of this
    process, while the `with` lasts."""

    def __init__(self, lab):
        self._own_namespaces = {inode(f"/run/netns/{lab.ns(role)}") for role in lab.roles} - {None}

    def __enter__(self):
        self._before, self._start = self._cpu_seconds(), time.monotonic()
        return self

    def __exit__(self, *_):
        span = (time.monotonic() - self._start) * os.cpu_count()
        self.share = max(0.0, self._cpu_seconds() - self._before) / span

    def _cpu_seconds(self):
        """Of each with its ended children, whose time goes over to it: none is lost or counted
        twice."""
        own = {os.getpid()}
        found = 0.0
        for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
            try:
                words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            namespace = inode(f"/proc/{pid}/ns/net")
            parent = int(words[1])
            if parent in own or namespace in self._own_namespaces:
                own.add(pid)
            elif pid not in own and KERNEL_THREADS not in (parent, pid):
                found += sum(map(int, words[11:15]))
        return found / os.sysconf("SC_CLK_TCK")


def inode(path):
    """None for what is not there, or not for us to see."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
