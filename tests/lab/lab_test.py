#!/usr/bin/python3
"""Checks that the lab is what lab.py's drawing says, that its faults do what they are named, and
that nothing of it is left behind. Exit status: 0 or 1, 77 when not root."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import netns
from lab import Lab, LabError
from machine import Machine

QUICK = ("--count", 4, "--interval", "20ms")


def expect(condition, text):
    print(f"{'ok' if condition else 'FAILED':6} {text}", flush=True)
    return bool(condition)


def reaches(lab, role, host, *words):
    return lab.traffic(role, "ping", host, *QUICK, *words)["received"] > 0


def check_reach(lab):
    good = True
    for link in lab.links.values():
        for host in (lab.server4, lab.server6, lab.internet4, lab.internet6):
            got = reaches(lab, link.client, host, "--device", link.device)
            good &= expect(got, f"{link.name} reaches {host}")
    good &= expect(reaches(lab, "server", lab.internet4), "server reaches internet by IPv4")
    good &= expect(reaches(lab, "server", lab.internet6), "server reaches internet by IPv6")
    return good & expect(reaches(lab, "lan", lab.internet4), "lan reaches internet by IPv4")


def check_nat(lab):
    """The server's log names the address that a client appears with."""
    server = lab.traffic_server("internet", "tcp-server", 5000)
    good = True
    for role, words, seen in (
        ("client", (lab.internet4, 5000, "10k"), lab.addresses["wifi"]["public4"]),
        ("client", (lab.internet4, 5000, "10k", "--device", "lte"),
         lab.addresses["lte"]["public4"]),
        ("client", (lab.internet6, 5000, "10k"), lab.addresses["wifi"]["v6"]),
        ("lan", (lab.internet4, 5000, "10k"), lab.addresses["wifi"]["public4"]),
        ("server", (lab.internet4, 5000, "10k"), lab.server4),
    ):
        report = lab.traffic(role, "download", *words)
        last = [line for line in server.log_path.read_text().splitlines() if "from" in line][-1]
        right = report["sha256_ok"] and f"from {seen} port" in last
        good &= expect(right, f"{' '.join((role, *words[3:]))} is seen as {seen}")
    routes = lab.run("core", ["ip", "route"]).stdout
    return good & expect("10." not in routes.replace("203.0.113.10", ""), "core has no 10/8 route")


def check_rates(lab):
    lab.traffic_server("server", "tcp-server", 5001)
    good = True
    for name, direction, mbit in (("wifi", "download", 50), ("wifi", "upload", 20),
                                  ("lte", "download", 30)):
        good &= check_rate(lab, name, direction, lab.server4, mbit)
    lab.set_link("wifi", "down", rate="10M")
    good &= check_rate(lab, "wifi", "download", lab.server6, 10)
    lab.set_link("wifi", "down", rate="50M")
    return good


def check_rate(lab, name, direction, host, mbit):
    with Machine() as machine:
        report = lab.traffic("client", direction, host, 5001, "--seconds", 3,
                             "--device", name)
    if machine.ease > 1:
        print(machine)
    # The ceiling is one for the whole transfer: the rate after the first second is above the
    # link's when a repaired hole releases what had arrived before.
    whole, settled = report["mbit_s"], report["mbit_s_after_first_second"]
    return expect(settled > 0.8 * mbit / machine.ease and whole <= 1.05 * mbit * machine.ease
                  and report["sha256_ok"],
                  f"{name} {direction}: {settled} ({whole} with its start) of {mbit} Mbit/s")


def check_faults(lab):
    host = lab.internet4
    wifi = ("--device", "wifi")
    before = [lab.run("client", ["ip", *family, "route"]).stdout for family in ([], ["-6"])]

    lab.blackhole("wifi")
    good = expect(not reaches(lab, "client", host, *wifi), "a blackhole swallows wifi")
    good &= expect(reaches(lab, "client", host, "--device", "lte"), "and leaves lte alone")
    lab.blackhole("wifi", up=False)
    dropped = lab.link_stats("wifi")["down"]["dropped_blackhole"]
    lab.traffic("client", "ping", host, *QUICK, *wifi)
    got = lab.link_stats("wifi")["down"]["dropped_blackhole"] - dropped
    good &= expect(got == 4, f"a blackhole of `down` alone drops the {got} replies")
    lab.heal("wifi")
    good &= expect(reaches(lab, "client", host, *wifi), "wifi is back when healed")

    lab.link_down("wifi")
    good &= expect(reaches(lab, "client", host), "with wifi down the next route is used")
    lab.link_up("wifi")
    after = [lab.run("client", ["ip", *family, "route"]).stdout for family in ([], ["-6"])]
    same = [sorted(text.splitlines()) for text in before] == [
        sorted(text.splitlines()) for text in after]
    good &= expect(same, "link_up restores every route")
    for target in (host, lab.internet6):
        good &= expect(reaches(lab, "client", target, *wifi), f"and wifi reaches {target} again")
    lab.carrier("wifi", False)
    shown = lab.run("client", ["ip", "link", "show", "wifi"]).stdout
    lab.carrier("wifi", True)
    return good & expect("NO-CARRIER" in shown, "a pulled cable shows as NO-CARRIER")


def left_overs(prefix):
    return [path.name for path in netns.NETNS_DIRECTORY.glob(prefix + "*")] + [
        path.name for path in netns.RUNS.glob(prefix + "*")]


def run_lab_program(linkem, number):
    """Starts `lab.py up`, signals it once it is up; yields its prefix."""
    lab = Path(__file__).resolve().with_name("lab.py")
    argv = [sys.executable, str(lab), "up", *(["--linkem", linkem] if linkem else [])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout:
            if "Ctrl-C" in line:
                break
        program.send_signal(number)
        program.wait(20)
        return f"br{program.pid}-"


def check_cleanup(linkem):
    good = True
    for number in (signal.SIGTERM, signal.SIGINT):
        prefix = run_lab_program(linkem, number)
        good &= expect(not left_overs(prefix), f"nothing is left after {number.name}")
    prefix = run_lab_program(linkem, signal.SIGKILL)
    there = bool(left_overs(prefix))
    removed = netns.remove_dead_runs()
    good &= expect(there and prefix in removed and not left_overs(prefix),
                   "cleanup removes what SIGKILL left")
    return good


def check_lifetime(linkem):
    """A failing test, a hung program and two labs at once."""
    try:
        with Lab(linkem=linkem) as lab:
            prefix = lab.ns("core").removesuffix("core")
            hung = lab.popen("client", ["sleep", "1000"])
            start = time.monotonic()
            try:
                lab.run("client", ["sh", "-c", "sleep 1000 & sleep 1000"], timeout=0.2)
                stopped = False
            except LabError:
                stopped = time.monotonic() - start < 2
            with Lab(uplinks=("sat",), linkem=linkem) as second:
                two = reaches(second, "client", second.server4)
            raise RuntimeError("a test fails")
    except RuntimeError:
        pass
    good = expect(stopped, "a program that hangs is stopped with its children")
    good &= expect(two, "two labs live side by side")
    gone = hung.poll() is not None and not left_overs(prefix)
    return good & expect(gone, "nothing is left after an exception")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--linkem", help="path of the emulator")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root to make network namespaces")
        return 77
    try:
        good = check_lifetime(options.linkem)
        with Lab(("wifi", "lte", "isp=fibre"), ("dsl",), lan=True, linkem=options.linkem) as lab:
            for check in (check_reach, check_nat, check_rates, check_faults):
                good &= check(lab)
        good &= check_cleanup(options.linkem)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
