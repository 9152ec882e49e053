#!/usr/bin/python3
"""How long pings and a call take while braid's tunnel is full, beside other ways over its links.

Each of --runs runs goes through all scenarios and in them all columns, one after the other. For
each column: pings every 20 ms through the idle tunnel; then TCP, of which the first seconds do not
count, with pings and a voice stream (200 bytes every 20 ms each way, marked EF) beside it. Times are
in ms, of round trips (ping) and one-way (voice: how much later than the earliest packet of that way,
of the worse way). `late` packets took 20 ms longer than the slower uplink takes. In the scenario
`blackhole` each uplink in turn loses everything for 2 s, beside voice alone.

Scenarios: one: a line of 50 Mbit/s, 10 ms one-way; pair: wifi 50/20 Mbit/s 10 ms and lte 30/10
35 ms, 1 or 8 streams; bloat: that wifi and a modem of 20/5 Mbit/s 20 ms that buffers 1 s, all other
lines 100 ms. Down is from server to client, both is one stream each way, with rates added.

Exit status: 0 all targets whose figures were measured are met, 1 not, or something could not be
measured, 2 usage, 5 not permitted, 130 interrupted.
"""

import argparse
import sys

from bonded_columns import COLUMNS, PACKAGES, bonded_lab, conditions, programs_of, set_lines
from latency_scenarios import SCENARIOS
from latency_steps import Bench
from latency_table import LatencyFigures, targets

from bench_program import (add_comparison, if_installed, measure, names_of, outcome,
                           read_comparison, run_as_root, save, show_progress)

SECONDS, WARM_UP_S, IDLE_S = 5, 4, 2
QUICK_WARM_UP_S = QUICK_IDLE_S = 1


def measure_column(bench, name, column, scenarios, names, figures):
    """Brings it up, measures it in scenarios of the same lines, and takes it down."""
    def step(what, function):
        show_progress(f"{what}, {name}")
        return measure(figures, column.lab, f"{what}, {name}", function)

    def idle():
        column.start(names)
        return bench.idle(column)

    try:
        rest = step(f"{scenarios[0].name}, idle", idle)
        for scenario in scenarios if rest else ():
            function = bench.loaded if scenario.loaded else bench.blackholes
            found = step(scenario.name, lambda: function(column, scenario, names))
            if found:
                figures.add_all(scenario.name, name, {**rest, **found} if scenario.loaded
                                else found)
    finally:
        column.stop()


def measure_all(options, tunnel, figures):
    columns = {name: COLUMNS[name](tunnel) for name in options.only}
    bench = Bench(tunnel.lab, options.seconds,
                  *((QUICK_WARM_UP_S, QUICK_IDLE_S) if options.quick else (WARM_UP_S, IDLE_S)))
    chosen = [SCENARIOS[name] for name in options.rows]
    for _ in range(options.runs):
        for lines in dict.fromkeys(scenario.lines for scenario in chosen):
            names = set_lines(tunnel.lab, lines)
            for name, column in columns.items():
                wanted = [scenario for scenario in chosen if scenario.lines == lines
                          and scenario.compares(name)]
                if wanted:
                    measure_column(bench, name, column, wanted, names, figures)
    show_progress("")


def latency(options):
    """Measures and prints; yields the exit status."""
    figures = LatencyFigures()
    with bonded_lab() as tunnel:
        about = conditions(tunnel.lab)
        measure_all(options, tunnel, figures)
    titles = {name: COLUMNS[name].title for name in options.only}
    print("\n".join([f"Medians of {options.runs} runs, {options.seconds} s a transfer; ping and "
                     "jitter in ms, goodput in Mbit/s; voice",
                     "packets lost and late are of all runs together.", about, "",
                     figures.text(options.rows, titles), "", *figures.how_measured()]))
    save(options, conditions=about, **figures.as_json())
    return outcome(options, figures, targets([SCENARIOS[name] for name in options.rows]))


def parse():
    parser = argparse.ArgumentParser(prog="bench latency", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_comparison(parser, COLUMNS, SECONDS, quick="one run of 1 s")
    parser.add_argument("--rows", type=names_of(SCENARIOS), metavar="SCENARIO,...",
                        default=tuple(SCENARIOS), help="of " + ", ".join(SCENARIOS))
    options = read_comparison(parser)
    options.only = options.only or tuple(COLUMNS)
    return options


if __name__ == "__main__":
    wanted = parse()
    sys.exit(run_as_root(lambda: if_installed(programs_of(wanted.only), PACKAGES,
                                              lambda: latency(wanted))))
