"""Starts the link emulator `linkem` and talks to it."""

import json
import os
import select
import shutil
import socket
import subprocess
from pathlib import Path

from netns import LabError, stop_group

START_TIMEOUT_S = 10
REQUEST_TIMEOUT_S = 5


def find_linkem(path=None):
    """Yields the emulator's path: the one given, $BRAID_LINKEM, a build directory's, or $PATH's."""
    chosen = path or os.environ.get("BRAID_LINKEM")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise LabError(f"linkem: not an executable: {chosen}")
        return str(chosen)
    root = Path(__file__).resolve().parents[2]
    built = [*root.glob("build*/tests/lab/linkem"), *root.glob("build/*/tests/lab/linkem")]
    if built:
        return str(max(built, key=lambda candidate: candidate.stat().st_mtime))
    found = shutil.which("linkem")
    if not found:
        raise LabError("linkem: not found; build it, or set BRAID_LINKEM to its path")
    return found


def settings_words(settings):
    """{'rate': '30M', 'blackhole': True} -> 'rate=30M blackhole=on'."""
    spelled = {True: "on", False: "off"}
    return " ".join(
        f"{key}={spelled[value] if isinstance(value, bool) else value}"
        for key, value in settings.items()
    )


class LinkEmulator:
    """One running linkem: device `a` (the client's side) joined to device `b`."""

    def __init__(self, linkem, a, b, control, up=None, down=None, seed=1):
        """`a` and `b` are (namespace, device) pairs. Yields when both devices exist."""
        self.control_path = str(control)
        argv = [linkem, "--a", ":".join(a), "--b", ":".join(b), "--control", self.control_path]
        argv += ["--seed", str(seed), "--parent", str(os.getpid())]
        argv += ["--up", settings_words(up or {}), "--down", settings_words(down or {})]
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self._socket = None
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def _await_ready(self):
        readable, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT_S)
        if readable and self.process.stdout.readline():
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(REQUEST_TIMEOUT_S)
            self._socket.connect(self.control_path)
            return
        stop_group(self.process)
        raise LabError(f"linkem did not start: {self.process.stderr.read().decode().strip()}")

    def request(self, line):
        """Sends one request; yields its one-line reply. LabError when linkem refused or ended."""
        try:
            self._socket.sendall(line.encode() + b"\n")
            reply = b""
            while not reply.endswith(b"\n"):
                part = self._socket.recv(65536)
                if not part:
                    raise LabError(f"linkem closed the connection: {line}")
                reply += part
        except OSError as error:
            raise LabError(f"linkem: {line}: {error}") from error
        text = reply.decode().strip()
        if text.startswith("error:"):
            raise LabError(f"linkem: {line}: {text}")
        return text

    def set(self, direction, **settings):
        """`direction` is 'up', 'down' or 'both'; settings as in `linkem --help`."""
        self.request(f"set {direction} {settings_words(settings)}")

    def show(self):
        """Settings and counters: {'seed': n, 'up': {...}, 'down': {...}}."""
        return json.loads(self.request("show"))

    def carrier(self, side, up):
        """Pulls or plugs the cable of device 'a' or 'b'."""
        self.request(f"carrier {side} {'on' if up else 'off'}")

    def close(self):
        if self._socket:
            self._socket.close()
        stop_group(self.process)
        self.process.stdout.close()
        self.process.stderr.close()
