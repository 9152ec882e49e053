#!/usr/bin/python3
"""How fast braid is on a cable without limits, beside raw TCP and MPTCP and other tunnels.

Each of --runs runs measures every row of the table once for every column, one column after the
other, so that noise hits all alike; the table shows medians, and below it stand the targets. Up is
from client to server.

Exit status: 0 all targets whose figures were measured are met, 1 not, or something could not be
measured, 2 usage, 5 not permitted, 130 interrupted.
"""

import argparse
import os
import sys

from throughput_columns import COLUMNS, Braid, OpenVpn
from throughput_steps import GROUPS, Bench, memory
from throughput_table import Table
from throughput_targets import targets

from bench_program import (add_comparison, if_installed, measure, names_of, outcome,
                           read_comparison, run_as_root, save, show_progress)
from cable import Cable
from lab import LabError

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


def measure_all(options, cable, columns, table):
    bench = Bench(cable, options.seconds, 100 if options.quick else 500, options.quick)
    steps = bench.steps(options.rows, options.quick)
    for run in range(options.runs):
        for step in steps:
            for name, column in columns.items():
                if column.tcp_only and not step[1]:
                    continue
                show_progress(f"run {run + 1} of {options.runs}: {step[0]}, {name}")
                figures = measure(table, cable, f"{name}, {step[0]}",
                                  lambda: step[2](column))
                table.add_all(name, figures or {})
    show_progress("")
    for name, column in columns.items():
        try:
            table.add_all(name, memory(column))
        except OSError as error:
            table.failures.append(f"{name}: a daemon has died: {error}")


def throughput(options):
    """Measures and prints; yields the exit status."""
    table = Table(columns={name: COLUMNS[name].title for name in options.only})
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
    save(options, **table.as_json())
    cipher = columns["braid"].cipher if "braid" in columns else None
    return outcome(options, table, targets(options.shaped, cipher))


def head(options):
    shape = f"{options.shaped:g} Mbit/s each way (tbf)" if options.shaped else "without a limit"
    return [f"Medians of {options.runs} runs, {options.seconds} s a transfer, on a cable {shape};"
            f" {os.cpu_count()} cores run everything.",
            "TCP: cubic inside, and outside. UDP: the highest rate with at most 1 % (1200 bytes) "
            "or 0.1 % (64 bytes) lost.",
            *([f"braid: workers: {options.workers}"] if options.workers != "auto" else [])]


def workers(text):
    return text if text == Braid.workers else int(text)


def parse():
    parser = argparse.ArgumentParser(prog="bench throughput", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_comparison(parser, COLUMNS, seconds=3, quick="one run of 1 s with few rows")
    parser.add_argument("--rows", type=names_of(GROUPS), metavar="ROWS,...", default=GROUPS,
                        help="of " + ", ".join(GROUPS))
    parser.add_argument("--shaped", type=float, metavar="MBIT", default=0,
                        help="shape the cable to so many Mbit/s each way; then only "
                             + " and ".join(SHAPED_COLUMNS) + " by default")
    parser.add_argument("--openvpn-cipher", choices=CIPHERS, default=OpenVpn.wanted_cipher)
    parser.add_argument("--workers", type=workers, default=Braid.workers,
                        help=f"threads of each end of braid ({Braid.workers})")
    options = read_comparison(parser)
    options.only = options.only or (SHAPED_COLUMNS if options.shaped else tuple(COLUMNS))
    if options.shaped < 0:
        parser.error("--shaped: not below 0")
    OpenVpn.wanted_cipher = options.openvpn_cipher
    Braid.workers = options.workers
    return options


if __name__ == "__main__":
    wanted = parse()
    tools = ["iperf3", "ethtool", *(["tc"] if wanted.shaped else []),
             *(program for name in wanted.only for program in COLUMNS[name].programs)]
    sys.exit(run_as_root(lambda: if_installed(tools, PACKAGES, lambda: throughput(wanted))))
