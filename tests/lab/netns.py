"""Network namespaces of one run of the lab: commands in them, and their removal.

A run owns the directory /run/braid-lab/<prefix>, holds a lock on a file in it for as long as it
lives, and names its namespaces <prefix><role>. So the left-overs of a run that was killed can be
told from a run that lives: its lock is free.
"""

import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

RUNS = Path("/run/braid-lab")
NETNS_DIRECTORY = Path("/run/netns")
PREFIX = re.compile(r"br\d+(x\d+)?-")
COMMAND_TIMEOUT_S = 20
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A command or a step of the lab failed; the text says which and why."""


def command(argv, input=None, timeout=COMMAND_TIMEOUT_S):
    """Runs a short system command and yields its output; LabError with its errors otherwise."""
    done = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def ip_batch(lines, netns=None):
    """Runs many `ip` commands in one process, all in one namespace."""
    scope = ["-n", netns] if netns else []
    command(["ip", *scope, "-batch", "-"], input="\n".join(lines) + "\n")


def exec_argv(netns, argv):
    return ["ip", "netns", "exec", netns, *map(str, argv)]


@contextmanager
def inside(netns):
    """The calling thread is in a namespace meanwhile: sockets made there belong to it for good."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(NETNS_DIRECTORY / netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if LIBC.setns(target, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {netns}")
        finally:
            os.close(target)
        try:
            yield
        finally:
            LIBC.setns(home, CLONE_NEWNET)
    finally:
        os.close(home)


def signal_group(process, number):
    """Signals a child that leads a process group of its own, with all its children."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def stop_group(process, grace_s=2.0):
    """Ends a child with its group: SIGTERM, and SIGKILL when it takes too long."""
    if process.poll() is None:
        signal_group(process, signal.SIGTERM)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            pass
    signal_group(process, signal.SIGKILL)
    process.wait(grace_s)


def remove_namespaces(prefix):
    """Removes every namespace of a run, and first the processes that are still in them."""
    for path in NETNS_DIRECTORY.glob(prefix + "*"):
        try:
            pids = command(["ip", "netns", "pids", path.name]).split()
        except LabError:
            pids = []  # not mounted: a half-made namespace
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            command(["ip", "netns", "del", path.name])
        except LabError:
            path.unlink(missing_ok=True)


class Run:
    """The identity of one run: its prefix, its directory, its lock."""

    def __init__(self):
        RUNS.mkdir(mode=0o700, exist_ok=True)
        for number in range(1000):
            suffix = f"x{number}" if number else ""
            self.prefix = f"br{os.getpid()}{suffix}-"
            self.directory = RUNS / self.prefix
            try:
                self.directory.mkdir(mode=0o700)
                break
            except FileExistsError:
                continue
        else:
            raise LabError(f"{RUNS}: full of directories of this process id")
        self._lock = open(self.directory / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def namespace(self, role):
        return self.prefix + role

    def remove(self):
        remove_namespaces(self.prefix)
        shutil.rmtree(self.directory, ignore_errors=True)
        self._lock.close()


def is_dead(directory):
    """Whether no process holds the lock of a run. A lock not yet made counts as a live run
    for a few seconds, because the run may just be starting."""
    try:
        with open(directory / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return directory.exists() and time.time() - directory.stat().st_mtime > 5


def remove_dead_runs():
    """Removes what killed runs left behind; yields their prefixes."""
    directories = RUNS.iterdir() if RUNS.exists() else ()
    dead = [path for path in directories if PREFIX.fullmatch(path.name) and is_dead(path)]
    for path in dead:
        remove_namespaces(path.name)
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in dead]
