#!/usr/bin/python3
"""Where the daemons' CPU time goes: shares of system calls, cipher and user space by function.

Samples both ends with perf while traffic flows over a cable without limits, up from the client.
Shares are of use on a busy machine too; times for each byte and packet want a quiet one.

Exit status: 0 measured, 1 it failed, 2 usage, 5 not permitted, 130 interrupted.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections import Counter

from bench_program import complain, run_as_root
from datagram_rate import send_datagrams
from profile_shares import place_of, stacks, table
from throughput_columns import Braid

from cable import Cable
from iperf import Iperf
from lab import LabError
from process_usage import cpu_seconds, peak_resident_mib

SAMPLES_A_SECOND = 1997  # a prime: not in step with the daemons' timers
DATAGRAM_SIZE, DATAGRAMS_A_SECOND = 64, 40_000


def bulk(cable, address, seconds):
    """TCP of the client's host, in super-packets"""
    Iperf(cable, "client", "server", address).tcp(seconds)


def forwarded(cable, _, seconds):
    """TCP of a LAN whose packets come singly, without GRO"""
    cable.forward_through(Braid.client_device, Braid.server_device)
    cable.put_together(False)
    Iperf(cable, "lan", "internet", Cable.internet4).tcp(seconds)


def small(cable, address, seconds):
    """40 000 UDP datagrams of 64 bytes a second"""
    send_datagrams(cable, "client", "server", address, DATAGRAM_SIZE, DATAGRAMS_A_SECOND, seconds)


LOADS = {load.__name__: load for load in (bulk, forwarded, small)}


class Usage:
    """Of one daemon so far: CPU seconds, and what the client's TUN has handed over."""

    def __init__(self, cable, daemons):
        self.cpu_s = {role: cpu_seconds(pid) for role, pid in daemons.items()}
        link = json.loads(cable.run("client", ["ip", "-j", "-s", "link", "show", "dev",
                                               Braid.client_device]).stdout)[0]["stats64"]["tx"]
        self.packets, self.bytes = link["packets"], link["bytes"]

    def text_since(self, before):
        packets, size = self.packets - before.packets, self.bytes - before.bytes
        if not packets:
            raise LabError("nothing came through")
        costs = [f"{role} {1e9 * cpu / size:.2f} ns a byte, {1e6 * cpu / packets:.2f} us a packet"
                 for role in self.cpu_s for cpu in [self.cpu_s[role] - before.cpu_s[role]]]
        return f"{packets} packets of {size / packets:.0f} bytes; {'; '.join(costs)}"


def profile(cable, braid, load, seconds):
    """Yields what one load costs, as text."""
    record = cable.directory / "perf.data"
    words = ["-e", "cpu-clock", "-F", str(SAMPLES_A_SECOND), "-g", "-o", record,
             "-p", ",".join(map(str, braid.daemons.values()))]
    before = Usage(cable, braid.daemons)
    with subprocess.Popen(["perf", "record", "-q", *words], stderr=subprocess.DEVNULL) as perf:
        try:
            LOADS[load](cable, braid.address, seconds)
        finally:
            perf.send_signal(signal.SIGINT)
    used = Usage(cable, braid.daemons).text_since(before)
    text = subprocess.run(["perf", "script", "-i", record, "-F", "pid,ip,sym,dso"], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    roles = {pid: role for role, pid in braid.daemons.items()}
    shares = {role: Counter() for role in braid.daemons}
    for pid, frames in stacks(text):
        shares[roles[pid]][place_of(frames)] += 1
    return f"{load}: {LOADS[load].__doc__}\n{used}\n{table(shares)}\n"


def run(options):
    with Cable() as cable:
        braid = Braid(cable)
        try:
            braid.start()
            for load in options.loads or LOADS:
                print(profile(cable, braid, load, options.seconds), flush=True)
            print("Most resident memory: " + ", ".join(
                f"{role} {peak_resident_mib(pid):.1f} MiB" for role, pid in braid.daemons.items()))
        finally:
            braid.stop()


def parse():
    parser = argparse.ArgumentParser(prog="bench profile", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loads", nargs="*", metavar="LOAD", help="(all) " + "; ".join(
        f"{name}: {load.__doc__}" for name, load in LOADS.items()))
    parser.add_argument("--seconds", type=int, default=5, help="of each (5)")
    options = parser.parse_args()
    if unknown := [name for name in options.loads if name not in LOADS]:
        parser.error(f"{', '.join(unknown)}: known are {', '.join(LOADS)}")
    if options.seconds < 1:
        parser.error("--seconds: at least 1")
    return options


def run_if_installed(options):
    if missing := [name for name in ("perf", "iperf3", "ethtool") if not shutil.which(name)]:
        complain(f"not installed: {', '.join(missing)}",
                 "apt-get install --no-install-recommends linux-perf iperf3 ethtool")
        return 1
    run(options)
    return 0


if __name__ == "__main__":
    wanted = parse()
    sys.exit(run_as_root(lambda: run_if_installed(wanted)))
