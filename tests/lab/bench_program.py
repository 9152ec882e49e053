"""What the programs behind scripts/bench have in common."""

import os
import signal
import subprocess
import sys

from lab import LabError


def show_progress(text):
    """On a terminal, in one line that the next call replaces."""
    if sys.stderr.isatty():
        print(f"\r{text:<70}\r", end="", file=sys.stderr, flush=True)


def complain(error, hint=None):
    print(f"error: {error}", *([f"hint: {hint}"] if hint else []), sep="\n", file=sys.stderr)


def run_as_root(benchmark):
    """Runs it; yields its exit status, or that of what kept it from its end."""
    if os.geteuid() != 0:
        complain("it needs root, for network namespaces", "run it as root")
        return 5
    # A shell that starts it in the background has it ignore this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return benchmark()
    except KeyboardInterrupt:
        return 130
    except (LabError, OSError, subprocess.SubprocessError) as error:
        complain(error)
        return 1


def verdict(misses):
    """Tells which targets are missed, and yields the exit status."""
    print()
    print("\n".join(["Missed:", *(f"  {miss}" for miss in misses)]) if misses
          else "All targets are met.")
    return 1 if misses else 0
