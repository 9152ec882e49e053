"""What the programs behind scripts/bench have in common."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from figures import judge
from lab import LabError
from machine import DISTURBED_SHARE, Machine
from process_usage import Others

USUAL_RUNS = 5


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


def measure(figures, lab, what, function):
    """Yields what function() yields, after noting whether others disturbed it; None when it went
    wrong, which is noted as a failure."""
    figures.measured += 1
    try:
        with Others(lab) as others, Machine() as machine:
            found = function()
    except (LabError, OSError, subprocess.SubprocessError) as error:
        figures.failures.append(f"{what}: {error}")
        return None
    figures.disturbed += machine.disturbed or others.share > DISTURBED_SHARE
    return found


def outcome(options, figures, targets):
    """Tells how the figures stand to the targets; yields the exit status."""
    lines, misses = judge(figures, targets)
    if options.no_targets or not lines:
        return 1 if figures.failures else 0
    print("\n".join(["", "Targets, by medians:", *lines]))
    if figures.failures:
        misses.append("something could not be measured, see above")
    return verdict(misses)


def save(options, **facts):
    """Writes what --json asks for."""
    if options.json:
        Path(options.json).write_text(json.dumps({"options": vars(options), **facts}, indent=1))


# The command lines of benchmarks that compare columns.


def names_of(known):
    """Reads names with commas between them, all of `known`; yields a tuple."""
    def parse(text):
        names = tuple(name for name in text.split(",") if name)
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong) or 'nothing'}: known are "
                                             + ", ".join(known))
        return names
    return parse


def add_comparison(parser, columns, seconds, quick):
    """The options that all of them have. `seconds`: of a measurement by default; `quick`: what
    --quick does, in words."""
    parser.add_argument("--runs", type=int, help=f"at least 5 for figures to rely on ({USUAL_RUNS})")
    parser.add_argument("--seconds", type=int, help=f"of each transfer ({seconds})")
    parser.add_argument("--only", type=names_of(columns), metavar="COLUMN,...",
                        help="of " + ", ".join(columns))
    parser.add_argument("--quick", action="store_true",
                        help=f"{quick}, without targets: to see that it works")
    parser.add_argument("--no-targets", action="store_true", help="only print")
    parser.add_argument("--json", metavar="FILE", help="every run's figures")
    parser.set_defaults(usual_seconds=seconds)


def read_comparison(parser):
    """Yields the options, with what --quick and their absence stand for."""
    options = parser.parse_args()
    usual = vars(options).pop("usual_seconds")
    if options.runs is None:
        options.runs = 1 if options.quick else USUAL_RUNS
    if options.seconds is None:
        options.seconds = 1 if options.quick else usual
    options.no_targets = options.no_targets or options.quick
    if options.runs < 1 or options.seconds < 1:
        parser.error("--runs, --seconds: at least 1")
    return options


def if_installed(programs, packages, benchmark):
    """Runs the benchmark; tells what is missing and yields 1 where a program is not installed."""
    missing = [program for program in dict.fromkeys(programs) if not shutil.which(program)]
    if not missing:
        return benchmark()
    complain(f"not installed: {', '.join(missing)}",
             f"apt-get install --no-install-recommends {packages}; or choose columns by --only")
    return 1
