"""The guard over a longer time: it convicts no healthy uplink on a busy machine, and a transfer
lives through a hundred cuts."""

import json
import os
import re
import subprocess
import sys
import time

from bench_columns import BULK_PORT, TunnelColumn, now_ns
from bench_runs import gaps_ms
from bench_faults import FAULTS, NO_FAULT
from lab import TRAFFIC, LabError
from tunnel import Tunnel

CONVICTION = re.compile(r"(event=uplink_down|(event=)?subflow[ _]cut)\b.*")
CUT_S, REST_S, LEAD_S = 1.0, 2.0, 2.0
MOST_SHOWN = 20
END_S = 60  # after the planned end of a transfer that stalls
QUIET = {"log": {"level": "info"}}


class BusyCores:
    """A loop at normal priority for each processor while the `with` lasts."""

    def __enter__(self):
        self._loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                       for _ in range(os.cpu_count())]

    def __exit__(self, *_):
        for loop in self._loops:
            loop.kill()
            loop.wait()


def open_tunnel(options):
    return Tunnel(uplinks=options.uplinks, server_settings=QUIET,
                  client_settings={**QUIET, "policy": options.policy})


def false_convictions(options):
    """A download and streams on healthy uplinks, all processors busy with other work. Prints what
    the two ends said of the uplinks; yields the targets that are missed."""
    with open_tunnel(options) as tunnel:
        tunnel.start()
        column = TunnelColumn(tunnel)
        column.prepare("download")
        logs = [tunnel.client.log, tunnel.server.log]
        offsets = [log.stat().st_size for log in logs]
        reader, start = column.arrivals(), now_ns()
        with BusyCores():
            time.sleep(60 * options.false_convictions)
        gaps = gaps_ms(reader, start, now_ns())
        found = []
        for path, offset in zip(logs, offsets, strict=True):
            with open(path) as log:
                log.seek(offset)
                found += [match[0] for match in map(CONVICTION.search, log) if match]
    print(f"False convictions in {options.false_convictions:g} min of download and streams, all "
          f"processors busy: {len(found)}")
    for event in found[:MOST_SHOWN]:
        print(f"  {event}")
    print("Longest gap in ms: " + ", ".join(f"{name} {gap}" for name, gap in gaps.items()))
    return [f"{len(found)} false convictions, target 0"] if found else []


def cuts(options):
    """One download over `options.cuts` faults of all kinds, on the uplinks in turn. Prints its
    report; yields the targets that are missed."""
    kinds = [fault for fault in FAULTS.values() if fault is not NO_FAULT]
    seconds = LEAD_S + options.cuts * (CUT_S + REST_S)
    with open_tunnel(options) as tunnel:
        tunnel.start()
        lab = tunnel.lab
        lab.traffic_server("internet", "tcp-server", BULK_PORT)
        names = list(lab.links)
        download = lab.popen("client", [sys.executable, TRAFFIC, "download", lab.internet4,
                                        BULK_PORT, "--seconds", str(seconds)])
        start, made = time.monotonic() + LEAD_S, 0
        while made < options.cuts and download.poll() is None:
            due = start + made * (CUT_S + REST_S)
            # Seven kinds and two uplinks: each kind comes to hit each uplink.
            fault, name = kinds[made % len(kinds)], names[made % len(names)]
            sleep_until(due)
            fault.begin(lab, name)
            sleep_until(due + CUT_S)
            fault.end(lab, name)
            made += 1
        report = report_of(download)
    print(f"{made} cuts: {json.dumps(report)}")
    misses = [f"only {made} of {options.cuts} cuts before the download ended"] \
        if made < options.cuts else []
    if not report.get("sha256_ok") or "error" in report:
        misses.append(f"the download across {made} cuts: {report.get('error', 'wrong content')}")
    return misses


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def report_of(download):
    try:
        download.wait(END_S)
    except subprocess.TimeoutExpired:
        raise LabError(f"the download does not end {END_S} s after its time") from None
    return json.loads(download.log_path.read_text().splitlines()[-1])
