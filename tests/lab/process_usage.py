"""What processes have used, from proc(5)."""

import os
from pathlib import Path


def cpu_seconds(pid):
    """utime and stime of all its threads."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident_mib(pid):
    """The most memory that it has had at once (VmHWM)."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024
