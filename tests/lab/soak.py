#!/usr/bin/python3
"""A seeded, replayable schedule of random faults on unlike uplinks, under traffic of every kind.

    soak.py [minutes] [seed]

The same minutes and seed give the same uplinks and the same faults at the same times. Every byte is
checked; a freeze is that the tunnel stands still for 3 s although an uplink has been working for 3 s
and carries nothing (see Watch). Prints what it finds as it finds it, keeps logs of it in a folder,
and ends with tables of the longest gaps by fault. Exit status 1 when something was wrong.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

from measure import resident_kib  # noqa: E402
from tunnel import Tunnel, endpoint6  # noqa: E402

from fault import keep_families  # noqa: E402
from faults import make  # noqa: E402
from machine import Machine  # noqa: E402
from netns import LabError  # noqa: E402
from soak_plan import choose_links, make_plan  # noqa: E402
from soak_report import GapTable  # noqa: E402
from soak_traffic import SoakTraffic  # noqa: E402
from soak_watch import Watch  # noqa: E402

TICK_S = 0.05
REST_S = 20
SAY_S = 60


class Soak:
    """One run: the tunnel, its traffic, the faults when their time comes, and what was found."""

    def __init__(self, minutes, seed):
        self.seconds, self.seed = minutes * 60, seed
        self.links = choose_links(seed)
        self.plan = make_plan(seed, self.seconds, self.links)
        self.problems = []
        self.kept = None
        self.gaps = GapTable()
        self.memory_before = self.memory_after = {}
        self._active = {}  # event: fault
        self._history = []

    def run(self):
        uplinks = [f"{link.name}={link.profile}" for link in self.links]
        with Tunnel(uplinks=uplinks, seed=self.seed, endpoint=lambda lab: [
                f"{lab.server4}:8684", endpoint6(lab)]) as self.tunnel:
            self.lab = self.tunnel.lab
            for link in self.links:
                keep_families(self.lab, link.name, link.families)
            self.tunnel.start()
            self.traffic = SoakTraffic(self.lab)
            self.start = time.monotonic()
            self.watch = Watch([link.name for link in self.links], self._carried)
            try:
                self._go_through()
                self._end_well()
            except LabError as error:
                self._note(f"error: {error}")
            finally:
                for fault in self._active.values():
                    fault.end()
            self.memory_after = self._memory()

    def _memory(self):
        """Resident KiB of each daemon that runs."""
        found = {}
        for program in (self.tunnel.client, self.tunnel.server):
            try:
                found[program.name] = resident_kib(program.pid())
            except (LabError, OSError) as error:
                self._note(f"{program.name} does not run: {error}")
        return found

    def _carried(self, name):
        stats = self.lab.link_stats(name)
        return sum(stats[way]["bytes"] for way in ("up", "down"))

    def now(self):
        return time.monotonic() - self.start

    def _go_through(self):
        todo = sorted([(event.begin, 0, event) for event in self.plan]
                      + [(event.end, 1, event) for event in self.plan], reverse=True)
        while self.now() < self.seconds:
            with Machine() as machine:
                self._go_on(todo, min(self.now() + SAY_S, self.seconds))
            print(f"{self.now():8.1f} s: {len(self._history)} faults, "
                  f"{self.traffic.transfers.count} transfers, "
                  f"{len(self.problems)} problems; {machine.use()}", flush=True)

    def _go_on(self, todo, until):
        while self.now() < until:
            while todo and todo[-1][0] <= self.now():
                _, is_end, event = todo.pop()
                if is_end:
                    self._end(event)
                else:
                    self._begin(event)
            self._look()
            time.sleep(TICK_S)

    def _begin(self, event):
        self.memory_before = self.memory_before or self._memory()
        fault = make(event.fault, self.lab, event.link)
        self._active[event] = fault
        others_work = self.watch.works_besides(event.link)
        self.watch.begin(event, time.monotonic())
        self._history.append(event)
        self.gaps.begin(event, time.monotonic(), others_work)
        fault.begin()

    def _end(self, event):
        self._active.pop(event).end()
        self.watch.end(event, time.monotonic())
        self.gaps.end(event, time.monotonic())

    def _look(self):
        for problem in self.traffic.wrong():
            self._note(problem)
        was_frozen = self.watch.is_frozen()
        if freeze := self.watch.freeze(self.traffic.last_progress(), time.monotonic()):
            self._note(freeze)
        elif was_frozen and not self.watch.is_frozen():
            print(f"{self.now():8.1f} s: moves again", flush=True)
        self.gaps.measure(self.traffic.streams(), time.monotonic())

    def _end_well(self):
        """All faults are over: every uplink has to come back, and what waits has to arrive."""
        self.tunnel.client.wait_active(*(link.name for link in self.links), timeout=REST_S)
        self.traffic.udp.settle(REST_S)
        if self.traffic.tcp:
            self.traffic.tcp.settle(REST_S)

    def _note(self, problem):
        self.problems.append(problem)
        recent = [str(event) + ("  (now)" if event in self._active else "")
                  for event in self._history[-8:]]
        text = "\n".join([f"{self.now():8.1f} s: {problem}", "    faults so far:",
                          *(f"    {line}" for line in recent)])
        print(text, flush=True)
        self._keep(text)

    def _keep(self, text):
        if not self.kept:
            self.kept = Path(tempfile.mkdtemp(prefix=f"braid-soak-{self.seed}-"))
        folder = self.kept / f"{len(self.problems):03}"
        folder.mkdir()
        (folder / "problem").write_text(text + "\n")
        facts = {"links": json.dumps({name: self.lab.link_stats(name) for name in self.lab.links})}
        for program in (self.tunnel.client, self.tunnel.server):
            for log in program.folder.glob("*.log*"):
                shutil.copy(log, folder / f"{program.name}-{log.name}")
            status = program.verb("status", "--json", check=False)
            facts[f"{program.name}-status"] = status.stdout + status.stderr
            for protocol in ("t", "M"):  # subflows, and the connections that they belong to
                shown = self.lab.run(program.role, ["ss", f"-nai{protocol}"], check=False)
                facts[f"{program.name}-ss-{protocol}"] = shown.stdout
            counters = self.lab.run(program.role, ["nstat", "-asz"], check=False)
            facts[f"{program.name}-counters"] = counters.stdout
        for name, text in facts.items():
            (folder / name).write_text(text)

    def report(self):
        print(self.gaps.text())
        for name, kib in self.memory_before.items():
            print(f"memory of {name}: {kib} KiB before the first fault, "
                  f"{self.memory_after.get(name, '?')} KiB at the end")
        transfers = self.traffic.transfers
        print(f"{len(self._history)} faults, {transfers.count} transfers with "
              f"{transfers.bytes / 1e6:.0f} MB, {len(self.problems)} problems, seed {self.seed}")
        if self.kept:
            print(f"logs are in {self.kept}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float, nargs="?", default=10)
    parser.add_argument("seed", type=int, nargs="?", default=random.randrange(10**6))
    parser.add_argument("--seed", dest="replay", type=int, help="the same as the argument")
    options = parser.parse_args()
    soak = Soak(options.minutes, options.seed if options.replay is None else options.replay)
    # A shell that starts it in the background has it ignore this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"seed {soak.seed}, {options.minutes:g} minutes, {len(soak.plan)} faults")
    for link in soak.links:
        print(f"  {link.name}: " + " and ".join(f"IPv{family}" for family in link.families))
    try:
        soak.run()
    except KeyboardInterrupt:
        print("stopped")
        return 130
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if hasattr(soak, "traffic"):
            soak.report()
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
