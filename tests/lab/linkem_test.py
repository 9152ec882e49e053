#!/usr/bin/python3
"""Proves that linkem does what it is set to: measures rate, delay, loss and the rest on a link
between two namespaces, and prints measured against wanted.

The machine may be busy: judgement is by medians, and a measurement that fails is repeated, three
times at most; the table says how many times it took, and by how much a tolerance was eased for
what others took from the machine meanwhile (machine.py). Exit status: 0 or 1, 77 when not root.
"""

import argparse
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from linkem_bench import Bench, delays_ms, in_order, rate_mbit, share
from linkem_control import find_linkem
from machine import Machine
from netns import LabError, command, ip_batch

ATTEMPTS = 3
PACKET_BYTES = 1500


class Failed(Exception):
    """A measurement is out of bounds; the text has the figures. `off` is how many times its
    tolerance it is off: without end where there is none."""

    def __init__(self, text, off=math.inf):
        super().__init__(text)
        self.off = off


def require(condition, text):
    if not condition:
        raise Failed(text)
    return text


def tolerate(text, *deviations):
    """Of (difference, tolerance) each: in time or rate, for which a busy machine may be to blame."""
    off = max(abs(difference) / tolerance for difference, tolerance in deviations)
    if off > 1:
        raise Failed(text, off)
    return text


def check_rate(mbit):
    def measure(bench):
        bench.emulator.set("up", rate=f"{mbit}M")
        pps = mbit * 1e6 / 8 / PACKET_BYTES * 1.15
        _, arrivals = bench.carry(pps, 1.5, linger_s=0.15)
        rate = rate_mbit(arrivals)
        return tolerate(f"{rate:.2f} Mbit/s", (rate / mbit - 1, 0.03))

    return measure


def check_both_ways(bench):
    bench.emulator.set("both", rate="300M")
    cpu, start = bench.cpu_s(), time.monotonic()
    with bench.receiver("a") as at_a, bench.receiver("b") as at_b:
        senders = [threading.Thread(target=bench.send, args=(side, 28000, 1.5)) for side in "ab"]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        load = (bench.cpu_s() - cpu) / (time.monotonic() - start)
    rates = [rate_mbit(receiver.arrivals()) for receiver in (at_b, at_a)]
    text = f"{rates[0]:.1f} and {rates[1]:.1f} Mbit/s, {load:.0%} of a core"
    return tolerate(text, *((rate / 300 - 1, 0.03) for rate in rates))


def check_delay(bench):
    bench.emulator.set("up", rate="50M", delay="40ms")
    _, arrivals = bench.carry(250, 1.2, payload_bytes=100)
    delays = delays_ms(arrivals)
    median = statistics.median(delays)
    text = f"median {median:.2f}, p95 {share(delays, 0.95):.2f} ms"
    require(delays[0] > 39.5, text)
    return tolerate(text, (median - 40, 1), (share(delays, 0.95) - 40, 5))


def check_jitter(bench):
    bench.emulator.set("up", delay="30ms", jitter="8ms")
    _, arrivals = bench.carry(50, 3, payload_bytes=100)
    delays = delays_ms(arrivals)
    spread = share(delays, 0.9) - share(delays, 0.1)
    text = (f"{delays[0]:.1f} to {delays[-1]:.1f} ms, median {statistics.median(delays):.1f}, "
            f"p10 to p90 {spread:.1f}")
    require(delays[0] > 21.8 and spread > 9.5, text)
    return tolerate(text, (statistics.median(delays) - 30, 3), (share(delays, 0.95) - 30, 9),
                    (spread - 12.5, 3))


def check_order(bench):
    bench.emulator.set("up", delay="30ms", jitter="30ms")
    sent, arrivals = bench.carry(2000, 1, payload_bytes=100)
    text = f"{len(arrivals)} of {sent} packets, {'in order' if in_order(arrivals) else 'REORDERED'}"
    return require(in_order(arrivals) and len(arrivals) == sent, text)


def mean_burst(sent, arrivals):
    arrived = {arrival.number for arrival in arrivals}
    lost = [number for number in range(sent) if number not in arrived]
    bursts = sum(1 for number in lost if number - 1 in arrived or number == 0)
    return len(lost) / max(bursts, 1)


def check_loss(percent, burst, low, high):
    def measure(bench):
        bench.emulator.set("up", loss=f"{percent}%", burst=burst)
        sent, arrivals = bench.carry(20000, 1, payload_bytes=100)
        loss = 100 * (1 - len(arrivals) / sent)
        length = mean_burst(sent, arrivals)
        text = f"{loss:.2f} %, mean burst {length:.2f}"
        return require(low <= loss <= high and abs(length / burst - 1) < 0.2, text)

    return measure


def check_queue(words, packets):
    def measure(bench):
        bench.emulator.request(f"set up rate=10M {words}")
        sent, arrivals = bench.carry(1e6, 200 / 1e6)
        longest = delays_ms(arrivals)[-1]
        dropped = bench.emulator.show()["up"]["dropped_queue"]
        text = f"{len(arrivals)} of {sent} packets passed, the last after {longest:.1f} ms"
        # The link sends a packet every 1.2 ms while the burst still arrives.
        require(packets <= len(arrivals) and dropped > 0, text)
        return tolerate(text, (len(arrivals) - packets, 12), (longest - packets * 1.2, 3))

    return measure


def check_blackhole(bench):
    bench.emulator.set("up", delay="10ms")
    with bench.receiver("b") as receiver:
        sender = threading.Thread(target=bench.send, args=("a", 500, 1.2),
                                  kwargs={"payload_bytes": 100})
        sender.start()
        time.sleep(0.4)
        bench.emulator.set("up", blackhole=True)
        on = time.time()
        time.sleep(0.4)
        off = time.time()
        bench.emulator.set("up", blackhole=False)
        sender.join()
    moments = [arrival.received_s for arrival in receiver.arrivals()]
    inside = sum(on + 0.005 < moment < off for moment in moments)
    after = sum(moment >= off for moment in moments)
    text = f"{inside} packets in the hole, {after} after it"
    return require(inside == 0 and after > 150 and moments[0] < on, text)


def check_change(bench):
    bench.emulator.set("up", rate="40M", delay="10ms")
    with bench.receiver("b") as receiver:
        sender = threading.Thread(target=bench.send, args=("a", 4000, 2.4))
        sender.start()
        time.sleep(1)
        bench.emulator.set("up", rate="8M", delay="60ms")
        changed = time.time()
        sender.join()
    arrivals = receiver.arrivals()
    rates = [rate_mbit([one for one in arrivals if one.received_s < changed]),
             rate_mbit([one for one in arrivals if one.received_s > changed + 0.6])]
    text = f"{rates[0]:.2f}, then {rates[1]:.2f} Mbit/s"
    return tolerate(text, (rates[0] / 40 - 1, 0.03), (rates[1] / 8 - 1, 0.03))


def check_trace(bench):
    # 12 Mbit/s for 200 ms, nothing for 200 ms, and over again.
    with tempfile.NamedTemporaryFile("w", dir=bench.run.directory) as file:
        file.write("".join(f"{ms}\n" for ms in [*range(1, 201), 400]))
        file.flush()
        bench.emulator.set("up", trace=file.name)
    _, arrivals = bench.carry(1300, 2)
    moments = [arrival.received_s for arrival in arrivals]
    gaps = sorted(b - a for a, b in zip(moments, moments[1:]))
    pauses = [gap * 1e3 for gap in gaps if gap > 0.1]
    window = [moment for moment in moments if moments[0] <= moment < moments[0] + 1.6]
    text = f"{len(window)} packets in 4 periods, pauses of {statistics.median(pauses):.1f} ms"
    return tolerate(text, (len(window) / 804 - 1, 0.03), (statistics.median(pauses) - 200, 3))


def check_down_and_up(bench):
    bench.emulator.set("up", delay="5ms")
    netns_b = bench.run.namespace("b")
    before = bench.emulator.show()["up"]["dropped_device"]
    ip_batch(["link set dev link down"], netns_b)
    bench.send("a", 200, 0.2)
    dropped = bench.emulator.show()["up"]["dropped_device"] - before
    bench.interface_up("b")
    sent, arrivals = bench.carry(200, 0.2)
    text = f"{dropped} dropped while down, {len(arrivals)} of {sent} after"
    return require(dropped >= 35 and len(arrivals) == sent, text)


def check_carrier(bench):
    netns_a = bench.run.namespace("a")
    seen = []
    for plugged in (False, True):
        bench.emulator.carrier("a", plugged)
        time.sleep(0.05)
        shown = command(["ip", "-n", netns_a, "link", "show", "dev", "link"])
        seen.append("NO-CARRIER" in shown)
    return require(seen == [True, False], f"NO-CARRIER {seen[0]}, then {seen[1]}")


def check_refusals(bench):
    before = bench.emulator.show()["up"]
    requests = ["set up rate=fast", "set sideways rate=1M", "set up trace=/no/such/file", "jump",
                "carrier c on", "set up delay=1ms rate=0"]
    refused = 0
    for request in requests:
        try:
            bench.emulator.request(request)
        except LabError:
            refused += 1
    same = bench.emulator.show()["up"] == before
    text = f"{refused} of {len(requests)} refused, settings {'kept' if same else 'CHANGED'}"
    return require(refused == len(requests) and same, text)


def check_deleted_device(bench):
    ip_batch(["link del dev link"], bench.run.namespace("b"))
    cpu = bench.cpu_s()
    bench.send("a", 200, 0.5)
    load = bench.cpu_s() - cpu
    alive = bench.emulator.process.poll() is None
    text = f"{'alive' if alive else 'ENDED'}, {load * 2:.0%} of a core"
    bench.stop()
    bench.start()
    return require(alive and load < 0.2, text)


def check_end(bench):
    process, path = bench.emulator.process, Path(bench.emulator.control_path)
    process.send_signal(signal.SIGTERM)
    status = process.wait(5)
    left = command(["ip", "-n", bench.run.namespace("a"), "-br", "link"]).count("link")
    gone = not path.exists() and left == 0
    bench.stop()
    bench.start()
    text = f"exit {status}, {'nothing' if gone else 'SOMETHING'} left"
    return require(status == 0 and gone, text)


def check_parent(bench):
    """A shell starts a second linkem and dies of SIGKILL: linkem must end too."""
    device = [f"{bench.run.namespace(side)}:second" for side in "ab"]
    script = '"$0" --a "$1" --b "$2" --control "$3" & echo $!; wait'
    shell = subprocess.Popen(["sh", "-c", script, bench.linkem, *device,
                              str(bench.run.directory / "second")],
                             stdout=subprocess.PIPE, text=True)
    with shell:
        pid = int(shell.stdout.readline())
        ready = "ready" in shell.stdout.readline()
        shell.kill()
    deadline = time.monotonic() + 3
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    ended = not Path(f"/proc/{pid}").exists()
    if not ended:
        os.kill(pid, signal.SIGKILL)
    return require(ready and ended, "ended" if ended else "STILL RUNNING")


CHECKS = (
    ("rate 10 Mbit/s", "within 3 %", check_rate(10)),
    ("rate 50 Mbit/s", "within 3 %", check_rate(50)),
    ("rate 300 Mbit/s", "within 3 %", check_rate(300)),
    ("rate 300 Mbit/s both ways", "within 3 %", check_both_ways),
    ("delay 40 ms", "median within 1 ms", check_delay),
    ("jitter 30 +- 8 ms", "22 to 38 ms, p10-p90 12.8", check_jitter),
    ("order under jitter", "kept", check_order),
    ("loss 5 %", "5 +- 0.7 %, burst 1", check_loss(5, 1, 4.3, 5.7)),
    ("loss 5 % in bursts of 4", "5 +- 1.5 %, burst 4", check_loss(5, 4, 3.5, 6.5)),
    ("queue 60000 bytes", "40 packets, 48 ms", check_queue("queue=60000", 40)),
    ("queue 100 ms at 10 Mbit/s", "83 packets, 100 ms", check_queue("queue=100ms", 83)),
    ("blackhole on and off", "0, then > 150", check_blackhole),
    ("change while running", "40, then 8 Mbit/s", check_change),
    ("trace", "804 packets, 200 ms", check_trace),
    ("device down and up", "survives", check_down_and_up),
    ("carrier off and on", "True, then False", check_carrier),
    ("bad requests", "refused", check_refusals),
    ("device deleted", "alive and idle", check_deleted_device),
    ("SIGTERM", "exit 0, nothing left", check_end),
    ("parent killed", "ended", check_parent),
)


def attempt(bench, measure):
    """Yields (passed, text, attempts)."""
    for number in range(1, ATTEMPTS + 1):
        try:
            with Machine() as machine:
                bench.reset()
                return True, measure(bench), number
        except Failed as failure:
            text = str(failure)
            if machine.ease > 1:
                text += f"  (eased {machine.ease:.1f} times)"
                if failure.off <= machine.ease:
                    return True, text, number
        except (LabError, OSError, IndexError, statistics.StatisticsError) as error:
            text = f"{type(error).__name__}: {error}"
    return False, text, ATTEMPTS


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--linkem", help="path of the emulator")
    parser.add_argument("--only", default="", help="only checks whose name contains this")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root to make network namespaces")
        return 77
    failed, start = 0, time.monotonic()
    try:
        bench = Bench(find_linkem(options.linkem))
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    try:
        print(f"{'':6} {'what':28} {'wanted':28} measured")
        for name, wanted, measure in CHECKS:
            if options.only not in name:
                continue
            passed, text, attempts = attempt(bench, measure)
            failed += not passed
            note = f"  (attempt {attempts} of {ATTEMPTS})" if attempts > 1 else ""
            verdict = "ok" if passed else "FAILED"
            print(f"{verdict:6} {name:28} {wanted:28} {text}{note}", flush=True)
    finally:
        bench.close()
    print(f"{failed} failed, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
