#!/usr/bin/python3
"""How long the streams inside the tunnel pause when an uplink fails, beside the kernel alone.

By default each run lets the first uplink fail in one way while messages of TCP and UDP go both ways
every 10 ms, and brings it back. The tunnel stays up over all runs. Prints tables.

Exit status: 0 all targets are met, 1 not, or it failed, 5 not permitted, 130 interrupted.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

from tunnel import Tunnel  # noqa: E402  (found by the path above)

import bench_table  # noqa: E402
from bench_columns import LOADS, PlainColumn, TunnelColumn  # noqa: E402
from bench_endurance import cuts, false_convictions  # noqa: E402
from bench_program import run_as_root, show_progress, verdict  # noqa: E402
from bench_radio import radio  # noqa: E402
from bench_runs import run_fault  # noqa: E402
from bench_faults import FAULTS, NO_FAULT  # noqa: E402
from lab import LabError, split_names  # noqa: E402
from machine import Machine  # noqa: E402

QUIET = {"log": {"level": "info"}}
MOST_TRIES = 4  # of a run, while others use the machine


def wanted_rows(faults, load):
    """The rows of the table. What the host sees is told to braid at once, load or not: there one
    load is enough, which also shows a returning uplink at work."""
    rows = []
    for name in faults or FAULTS:
        fault = FAULTS[name]
        if load:
            loads = {"idle": ("idle",), "bulk": ("download", "upload")}[load]
        elif fault.host_sees_it:
            loads = ("idle", "download") if name == "link_down" else ("idle",)
        else:
            loads = LOADS
        rows += [bench_table.Row(name, each) for each in loads]
    return sorted(rows, key=lambda row: LOADS.index(row.load))


def measure(options, rows):
    """Fills the rows; yields the lab's links and how many inner connections were lost."""
    second = () if options.no_kernel else options.uplinks
    tunnel = Tunnel(uplinks=options.uplinks, client2=second, server_settings=QUIET,
                    client_settings={**QUIET, "policy": options.policy})
    with tunnel:
        tunnel.server.start()
        tunnel.client.start()
        columns = {"braid": TunnelColumn(tunnel)}
        if not options.no_kernel:
            columns["kernel"] = PlainColumn(tunnel.lab)
        for row in rows:
            for name, column in columns.items():
                fill(row, name, column, options)
        return list(tunnel.lab.links.values()), columns["braid"].broken


def fill(row, name, column, options):
    """All runs of one cell. A run that cannot start is left out, and told as a failure."""
    tries = 1 if options.no_targets else MOST_TRIES
    for number in range(options.runs):
        show_progress(f"{row.fault}, {row.load}, {name}: {number + 1} of {options.runs}")
        try:
            row.cells[name].runs.append(run_undisturbed(row, name, column, tries))
        except LabError as error:
            row.failures.append(f"{row.fault}/{row.load}, {name}: {error}")
    column.stop_load()
    show_progress("")


def run_undisturbed(row, name, column, tries):
    """A run during which others left the machine alone; of so many tries that they did not, the
    last. The row's cell counts both."""
    cell = row.cells[name]
    for left in reversed(range(tries)):
        with Machine() as machine:
            result = run_fault(column, name, FAULTS[row.fault], row.load)
        if not machine.disturbed:
            return result
        if left:
            cell.thrown_away += 1
    cell.disturbed += 1
    return result


def faults(options):
    """The main table; yields the exit status."""
    rows = wanted_rows(options.fault, options.load)
    links, broken = measure(options, rows)
    own_links = [link for link in links if link.client == "client"]
    print("\n".join(bench_table.report(rows, own_links, broken)))
    failures = [failure for row in rows for failure in row.failures]
    if failures:
        print("\n".join(["", "Runs that could not be made:", *(f"  {each}" for each in failures)]))
    if options.json:
        Path(options.json).write_text(json.dumps(bench_table.as_json(rows), indent=1))
    misses = [miss for row in rows for miss in row.misses()]
    misses += [f"{len(failures)} runs could not be made"] if failures else []
    misses += [f"{broken} inner connections were lost"] if broken else []
    return 0 if options.no_targets else verdict(misses)


def add_parts(parser):
    parts = parser.add_argument_group("other measurements, instead of the tables of faults")
    parts.add_argument("--radio", action="store_true",
                       help="what the guard costs on uplinks that stall by nature")
    parts.add_argument("--false-convictions", type=float, nargs="?", const=15, metavar="MINUTES",
                       help="what is cut on a busy machine without a fault (%(const)s min)")
    parts.add_argument("--cuts", type=int, nargs="?", const=100, metavar="N",
                       help="a download across so many faults (%(const)s)")


def chosen_parts(options):
    return [part for part, wanted in ((radio, options.radio), (cuts, options.cuts),
                                      (false_convictions, options.false_convictions)) if wanted]


def parse():
    parser = argparse.ArgumentParser(prog="bench failover", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each fault (%(default)s)")
    parser.add_argument("--fault", action="append", choices=list(FAULTS),
                        help="only this one; may be repeated")
    parser.add_argument("--load", choices=("idle", "bulk"), help="only this one beside the streams")
    parser.add_argument("--policy", default="aggregate",
                        choices=("aggregate", "handover", "interactive"))
    parser.add_argument("--uplinks", type=split_names, default=("wifi", "second=wifi"),
                        help="NAME or NAME=PROFILE with commas; the first one fails")
    parser.add_argument("--no-kernel", action="store_true", help="without plain MPTCP beside it")
    parser.add_argument("--no-targets", action="store_true", help="only print, runs as they come")
    parser.add_argument("--json", metavar="FILE", help="every run's figures")
    add_parts(parser)
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    if len(options.uplinks) < 2:
        parser.error("--uplinks: at least two")
    return options


def measurements(options):
    """Those that are asked for; yields the exit status."""
    parts = chosen_parts(options)
    if not parts:
        return faults(options)
    misses = [miss for part in parts for miss in part(options)]
    return 0 if options.no_targets else verdict(misses)


if __name__ == "__main__":
    wanted = parse()
    sys.exit(run_as_root(lambda: measurements(wanted)))
