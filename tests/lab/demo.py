#!/usr/bin/python3
"""The demo, once everything is built: scripts/demo runs it.

Exit status: 0 all of it held, 1 something did not or failed, 5 not permitted, 130 interrupted
(SIGTERM 143, SIGHUP 129).
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

# A Ctrl-C waits until main() can handle it; scripts/demo has it blocked from the first moment.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

from tunnel import Tunnel, binaries  # noqa: E402  (found by the path above)

from demo_report import checks, table  # noqa: E402
from demo_run import Demo, say  # noqa: E402
from lab import LabError  # noqa: E402
from linkem_control import find_linkem  # noqa: E402
from netns import RUNS  # noqa: E402

FAILED, NOT_PERMITTED, INTERRUPTED = 1, 5, 130
QUIET = {"log": {"level": "info"}}
LOG_LINES = 4

INTRODUCTION = """braid: one encrypted tunnel over several uplinks at once, shown in a lab

  client --+-- wifi  50 Mbit/s down, 20 up, 10 ms one way -- NAT --+            +-- server
           |                                                       +- Internet -+
           +-- lte   30 Mbit/s down, 10 up, 35 ms one way -- NAT --+            +-- web host

  Each of these is a network namespace; the network of this machine itself is not touched.
  The client's traffic goes through the tunnel to the server, and from there to the web host.
  It takes about a minute. Ctrl-C ends it and leaves nothing behind.
"""


class CannotRun(Exception):
    """Why the demo cannot run here: the error and the hint."""

    def __init__(self, text, hint, status=FAILED):
        super().__init__(text)
        self.hint, self.status = hint, status


def check_host():
    if os.geteuid() != 0:
        raise CannotRun("the demo needs root: it makes network namespaces and TUN devices",
                        "run scripts/demo, which uses sudo", NOT_PERMITTED)
    if not Path("/proc/sys/net/mptcp/enabled").exists():
        raise CannotRun("this kernel has no Multipath TCP",
                        "braid needs a Linux kernel built with CONFIG_MPTCP, as those of Debian "
                        "12, 13 and Ubuntu 24.04 are")
    if not Path("/dev/net/tun").exists():
        raise CannotRun("/dev/net/tun is missing", "modprobe tun")
    for name in ("client", "server"):
        program = binaries() / name / f"braid-{name}"
        if not os.access(program, os.X_OK):
            raise CannotRun(f"no program {program}", "run scripts/demo, which builds it")
    try:
        find_linkem()
    except LabError as error:
        raise CannotRun(str(error), "run scripts/demo, which builds it") from None


def open_tunnel():
    """The lab with keys and configs, entered."""
    try:
        return Tunnel(uplinks=("wifi", "lte"), client_settings=QUIET,
                      server_settings=QUIET).__enter__()
    except (LabError, OSError, subprocess.SubprocessError) as error:
        raise CannotRun(f"the lab cannot be built: {error}",
                        "network namespaces must be allowed; a container has to be "
                        "privileged") from None


def print_log_ends(tunnel):
    for program in (tunnel.client, tunnel.server):
        if program.log.exists():
            say(f"\n  the last lines of {program.name}'s log:")
            for line in program.log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
                say(f"    {line}")


def run_in_lab():
    """Yields the Findings; the lab is gone again then, whatever happens."""
    tunnel = open_tunnel()
    try:
        try:
            return Demo(tunnel).run()
        except LabError:
            print_log_ends(tunnel)
            raise
        finally:
            say("\nStopping both daemons, removing the lab")
    finally:
        tunnel.__exit__(None, None, None)


def demo():
    check_host()
    runs_existed = RUNS.exists()
    say(INTRODUCTION)
    try:
        found = run_in_lab()
    finally:
        if not runs_existed and RUNS.exists() and not any(RUNS.iterdir()):
            RUNS.rmdir()
    say()
    for line in table(found):
        say(line)
    failed = [text for held, text in checks(found) if not held]
    if failed:
        say()
        fail(f"{len(failed)} of {len(checks(found))} did not hold: {'; '.join(failed)}",
             "measured times suffer when the machine is busy with other work: try again")
        return FAILED
    say("\nAll of it held.")
    return 0


def fail(text, hint=None):
    """Prints an error; one of braid's own programs brings its hint along in the text."""
    text = re.sub(r"(exit \d+: )error: ", r"\1", str(text).strip())
    sys.stdout.flush()
    print(f"error: {text}", file=sys.stderr)
    if hint and "\nhint: " not in text:
        print(f"hint: {hint}", file=sys.stderr)


def guarded():
    """demo() with every failure told in words; yields the exit status."""
    try:
        return demo()
    except CannotRun as error:
        fail(error, error.hint)
        return error.status
    except BrokenPipeError:
        return FAILED  # nobody reads any more
    except (LabError, OSError, subprocess.SubprocessError) as error:
        fail(error, "the lab is removed; run it again, and report it if it fails again")
        return FAILED
    except Exception as error:
        if os.environ.get("BRAID_DEMO_TRACE"):
            raise
        fail(f"the demo itself is at fault: {type(error).__name__}: {error}",
             "BRAID_DEMO_TRACE=1 shows where; please report it")
        return FAILED


def main():
    sys.stdout.reconfigure(errors="replace", line_buffering=True)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        status = guarded()
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("demo: interrupted", file=sys.stderr)
        status = INTERRUPTED
    except BrokenPipeError:
        status = FAILED
    # What is still in the buffer of a closed pipe would be an error at exit.
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


if __name__ == "__main__":
    exit_status = main()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no trace from a Ctrl-C in Python's own end
    sys.exit(exit_status)
