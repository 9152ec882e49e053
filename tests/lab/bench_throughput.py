#!/usr/bin/python3
"""How fast braid is on a cable without limits, beside raw TCP and MPTCP and other tunnels.

Each of --runs runs measures every row of the table once for every column, one column after the
other, so that noise hits all alike; the table shows medians, and below it stand the targets. Up is
from client to server.

Exit status: 0 all targets whose figures were measured are met, 1 not, or something could not be
measured, 2 usage, 5 not permitted, 130 interrupted.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from throughput_columns import COLUMNS, OpenVpn, missing_programs
from throughput_steps import GROUPS, Bench, memory
from throughput_table import Table
from throughput_targets import judge, targets

from bench_program import complain, run_as_root, show_progress, verdict
from cable import Cable
from lab import LabError
from machine import DISTURBED_SHARE, Machine
from process_usage import Others

PACKAGES = "iperf3 ethtool mptcpize openvpn openssl wireguard-go wireguard-tools iproute2"
SHAPED_COLUMNS = ("raw-mptcp", "braid")
CIPHERS = ("AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305")


def start_all(columns):
    """Brings every column up; LabError with its name when one does not come."""
    for name, column in columns.items():
        show_progress(f"starting {name}")
        try:
            column.start()
        except LabError as error:
            raise LabError(f"{name}: {error}") from error


def measure(table, name, column, step):
    """One measurement, into the table; what goes wrong is told there."""
    title, _, function = step
    table.measured += 1
    try:
        with Others(column.cable) as others, Machine() as machine:
            figures = function(column)
    except (LabError, OSError, subprocess.SubprocessError) as error:
        table.failures.append(f"{name}, {title}: {error}")
        return
    table.disturbed += machine.disturbed or others.share > DISTURBED_SHARE
    table.add(name, figures)


def measure_all(options, cable, columns, table):
    bench = Bench(cable, options.seconds, 100 if options.quick else 500, options.quick)
    steps = bench.steps(options.rows, options.quick)
    for run in range(options.runs):
        for step in steps:
            for name, column in columns.items():
                if column.tcp_only and not step[1]:
                    continue
                show_progress(f"run {run + 1} of {options.runs}: {step[0]}, {name}")
                measure(table, name, column, step)
    show_progress("")
    for name, column in columns.items():
        try:
            table.add(name, memory(column))
        except OSError as error:
            table.failures.append(f"{name}: a daemon has died: {error}")


def throughput(options):
    """Measures and prints; yields the exit status."""
    table = Table({name: COLUMNS[name].title for name in options.only})
    with Cable(options.shaped) as cable:
        columns = {name: COLUMNS[name](cable) for name in options.only}
        try:
            start_all(columns)
            measure_all(options, cable, columns, table)
            table.about = {name: about for name, column in columns.items()
                           if (about := column.about())}
        finally:
            for column in columns.values():
                column.stop()
    print("\n".join([*head(options), "", table.text()]))
    if options.json:
        Path(options.json).write_text(json.dumps(
            {"options": vars(options), **table.as_json()}, indent=1))
    cipher = columns["braid"].cipher if "braid" in columns else None
    return outcome(options, table, cipher)


def outcome(options, table, cipher):
    """Tells how the figures stand to the targets; yields the exit status."""
    lines, misses = judge(table, targets(options.shaped, cipher))
    if options.no_targets or not lines:
        return 1 if table.failures else 0
    print("\n".join(["", "Targets, by medians:", *lines]))
    if table.failures:
        misses.append("something could not be measured, see above")
    return verdict(misses)


def head(options):
    shape = f"{options.shaped:g} Mbit/s each way (tbf)" if options.shaped else "without a limit"
    return [f"Medians of {options.runs} runs, {options.seconds} s a transfer, on a cable {shape};"
            f" {os.cpu_count()} cores run everything.",
            "TCP: cubic inside, and outside. UDP: the highest rate with at most 1 % (1200 bytes) "
            "or 0.1 % (64 bytes) lost."]


def names_of(known):
    def parse(text):
        names = tuple(name for name in text.split(",") if name)
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong) or 'nothing'}: known are "
                                             + ", ".join(known))
        return names
    return parse


def parse():
    parser = argparse.ArgumentParser(prog="bench throughput", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="at least 5 for figures to rely on (5)")
    parser.add_argument("--seconds", type=int, help="of each transfer (3)")
    parser.add_argument("--only", type=names_of(COLUMNS), metavar="COLUMN,...",
                        help="of " + ", ".join(COLUMNS))
    parser.add_argument("--rows", type=names_of(GROUPS), metavar="ROWS,...", default=GROUPS,
                        help="of " + ", ".join(GROUPS))
    parser.add_argument("--shaped", type=float, metavar="MBIT", default=0,
                        help="shape the cable to so many Mbit/s each way; then only "
                             + " and ".join(SHAPED_COLUMNS) + " by default")
    parser.add_argument("--openvpn-cipher", choices=CIPHERS, default=OpenVpn.wanted_cipher)
    parser.add_argument("--quick", action="store_true",
                        help="one run of 1 s with few rows, without targets: to see that it works")
    parser.add_argument("--no-targets", action="store_true", help="only print")
    parser.add_argument("--json", metavar="FILE", help="every run's figures")
    options = parser.parse_args()
    options.runs = (1 if options.quick else 5) if options.runs is None else options.runs
    options.seconds = (1 if options.quick else 3) if options.seconds is None else options.seconds
    options.no_targets = options.no_targets or options.quick
    options.only = options.only or (SHAPED_COLUMNS if options.shaped else tuple(COLUMNS))
    if options.runs < 1 or options.seconds < 1 or options.shaped < 0:
        parser.error("--runs, --seconds: at least 1; --shaped: not below 0")
    return options


def run_if_installed(options):
    tools = ["iperf3", "ethtool", *(["tc"] if options.shaped else [])]
    if missing := missing_programs(options.only, tools):
        complain(f"not installed: {', '.join(missing)}",
                 f"apt-get install --no-install-recommends {PACKAGES}; or choose columns by --only")
        return 1
    OpenVpn.wanted_cipher = options.openvpn_cipher
    return throughput(options)


if __name__ == "__main__":
    wanted = parse()
    sys.exit(run_as_root(lambda: run_if_installed(wanted)))
