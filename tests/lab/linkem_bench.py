"""What linkem_test.py measures on: two namespaces joined by linkem, and what arrivals tell."""

import os
import time
from pathlib import Path

from linkem_control import LinkEmulator
from netns import Run, ip_batch
from udp_probe import Receiver, send, socket_in

ADDRESS = {"a": "10.70.0.1", "b": "10.70.0.2"}
MAC = {"a": "02:70:00:00:00:01", "b": "02:70:00:00:00:02"}
OTHER = {"a": "b", "b": "a"}


class Bench:
    """Two namespaces, `a` and `b`, joined by linkem; `a` sends `up`, `b` sends `down`."""

    def __init__(self, linkem):
        self.linkem = linkem
        self.run = Run()
        self.emulator = None
        self.sockets = {}
        try:
            for side in "ab":
                ip_batch([f"netns add {self.run.namespace(side)}"])
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        ends = {side: (self.run.namespace(side), "link") for side in "ab"}
        control = self.run.directory / "control"
        self.emulator = LinkEmulator(self.linkem, ends["a"], ends["b"], control, seed=42)
        for side in "ab":
            ip_batch([f"link set dev link address {MAC[side]}"], self.run.namespace(side))
            self.interface_up(side)
            self.sockets[side] = socket_in(self.run.namespace(side), ADDRESS[side])

    def interface_up(self, side):
        far = OTHER[side]
        ip_batch(["link set dev link up", f"addr replace {ADDRESS[side]}/24 dev link",
                  f"neigh replace {ADDRESS[far]} lladdr {MAC[far]} dev link nud permanent"],
                 self.run.namespace(side))

    def reset(self, words="rate=unlimited delay=0ms jitter=0ms loss=0 burst=1 queue=100ms "
                          "blackhole=off"):
        self.emulator.request(f"set both {words}")
        time.sleep(0.02)

    def receiver(self, side, **options):
        return Receiver(self.sockets[side], **options)

    def send(self, side, rate_pps, seconds, **options):
        return send(self.sockets[side], ADDRESS[OTHER[side]], rate_pps, seconds, **options)

    def carry(self, rate_pps, seconds, linger_s=0.3, **options):
        """Sends from a to b; yields how many were sent, and the arrivals."""
        with self.receiver("b", linger_s=linger_s) as receiver:
            sent = self.send("a", rate_pps, seconds, **options)
        return sent, receiver.arrivals()

    def cpu_s(self):
        fields = Path(f"/proc/{self.emulator.process.pid}/stat").read_text().rsplit(")", 1)[1]
        return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        for opened in self.sockets.values():
            opened.close()
        self.sockets = {}
        if self.emulator:
            self.emulator.close()

    def close(self):
        self.stop()
        self.run.remove()


def rate_mbit(arrivals):
    """The rate of what arrived after the first quarter of a second, in Mbit/s of IP packets."""
    begin = arrivals[0].received_s + 0.25
    window = [arrival for arrival in arrivals if arrival.received_s >= begin]
    seconds = window[-1].received_s - window[0].received_s
    return sum(arrival.ip_bytes for arrival in window[1:]) * 8 / seconds / 1e6


def in_order(arrivals):
    numbers = [arrival.number for arrival in arrivals]
    return numbers == sorted(numbers)


def delays_ms(arrivals):
    return sorted(arrival.delay_ms for arrival in arrivals)


def share(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
