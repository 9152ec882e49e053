"""The steps of the demo: what is run in the lab, measured, and told on the way."""

import json
import sys
import time
from pathlib import Path

from demo_live import LiveView, UplinkMeter
from demo_report import Cut, Findings, Speed
from lab import TRAFFIC, LabError

ALONE_S = 6
BONDED_S = 10
FILE_BYTES = 100_000_000
STREAM_S = 15
CUT_AT_S = 5
BACK_AT_S = 11
CUT_TIMEOUT_S = 35
MARGIN_S = 10
CARRIES_BYTES = 100_000
TICK_S = 0.3
STATUS_TIMEOUT_S = 5
TCP_PORT, UDP_PORT = "5001", "5002"


def say(text=""):
    print(text, flush=True)


class Measurement:
    """A run of traffic.py in the client's namespace."""

    def __init__(self, lab, *words):
        self._what = " ".join(words[:1])
        self._child = lab.popen("client", [sys.executable, TRAFFIC, *words])

    def ended(self):
        return self._child.poll() is not None

    def report(self):
        """The dictionary that traffic.py printed at its end; with an `error` if it runs still."""
        if not self.ended():
            return {"error": "not at its end"}
        text = self._child.log_path.read_text().strip()
        try:
            return json.loads(text.splitlines()[-1])
        except (IndexError, ValueError):
            raise LabError(f"{self._what}: no report: {text or 'it printed nothing'}") from None


class Demo:
    """The steps, on a tunnel.Tunnel whose lab is up and whose daemons are not."""

    def __init__(self, tunnel):
        self.lab, self.server, self.client = tunnel.lab, tunnel.server, tunnel.client
        self.names = list(self.lab.links)

    def run(self):
        """Yields the Findings."""
        self.lab.traffic_server("internet", "tcp-server", TCP_PORT)
        self.lab.traffic_server("internet", "udp-echo-server", UDP_PORT)
        say("Keys, configs and the server")
        self.server.start()
        for program in (self.server, self.client):
            say(f"  {program.name} keygen   public key {program.public_key}")
        say(f"  {self.server.name} start    {self.server.status()['state']}, knows the client's "
            "public key")
        say()
        say("Each uplink alone: what there is to add up")
        say("  Each time: braid-client start with one uplink, ping, download, braid-client stop.")
        alone = {name: self.speed([name], ALONE_S) for name in self.names}
        say()
        say("Both uplinks together: one download, which is one TCP connection, over both at once")
        bonded = self.speed(self.names, BONDED_S, stop=False)
        say()
        cut = self.cut(self.names[0])
        return Findings(alone, bonded, cut)

    def speed(self, names, seconds, stop=True):
        """Starts the client with these uplinks; yields ping and download through the tunnel."""
        self.client.write_config([{"interface": name} for name in names])
        self.client.start()
        self.client.wait_active(*names)
        ping = self.lab.traffic("client", "ping", self.lab.internet4, "--count", "10",
                                "--interval", "100ms")
        if "error" in ping:
            raise LabError(f"ping over {'+'.join(names)}: {ping['error']}")
        load = Measurement(self.lab, "download", self.lab.internet4, TCP_PORT,
                           "--seconds", str(seconds))
        with LiveView(lines_elsewhere=False) as view:
            self.watch(view, [load], seconds + MARGIN_S, lambda: f"downloading for {seconds} s")
        report = load.report()
        if "mbit_s_after_first_second" not in report:
            raise LabError(f"download over {'+'.join(names)}: {report.get('error', report)}")
        if stop:
            self.client.stop()
        speed = Speed(report["mbit_s_after_first_second"], ping["rtt_ms"]["p50"],
                      report["sha256_ok"])
        say(f"  {' + '.join(names):12} ping {speed.ping_ms:6.1f} ms   "
            f"download {speed.mbps:6.1f} Mbit/s")
        return speed

    def watch(self, view, loads, timeout_s, progress, on_tick=lambda uplinks: None):
        """Shows the uplinks until the loads have ended, or `timeout_s` have passed."""
        meter = UplinkMeter()
        deadline = time.monotonic() + timeout_s
        while not all(load.ended() for load in loads) and time.monotonic() < deadline:
            uplinks = meter.update(self.status(), time.monotonic())
            view.show(uplinks, progress())
            on_tick(uplinks)
            time.sleep(TICK_S)

    def status(self):
        done = self.client.verb("status", "--json", timeout=STATUS_TIMEOUT_S)
        return json.loads(done.stdout)

    def link_bytes(self):
        """What the emulated links have carried, by name."""
        stats = {name: self.lab.link_stats(name) for name in self.names}
        return {name: both["up"]["bytes"] + both["down"]["bytes"] for name, both in stats.items()}

    def cut(self, name):
        """Downloads a file while `name` goes away and comes back; yields the Cut."""
        say(f"Out of range: {name} goes away during a download, and comes back")
        say(f"  A download of {FILE_BYTES / 1e6:.0f} MB with SHA-256. Beside it a stream of small "
            "UDP messages, one every 10 ms,")
        say(f"  as of a call. After {CUT_AT_S} s the interface {name} goes down: so the host sees "
            "it when one walks out of")
        say(f"  range. After {BACK_AT_S} s it is up again. Neither the download nor the stream may "
            "pause for long.")
        before = self.link_bytes()
        progress_path = self.lab.directory / "progress"
        download = Measurement(self.lab, "download", self.lab.internet4, TCP_PORT, str(FILE_BYTES),
                               "--timeout", "15", "--progress", str(progress_path))
        stream = Measurement(self.lab, "udp-stream", self.lab.internet4, UDP_PORT,
                             "--interval", "10ms", "--seconds", str(STREAM_S))
        with LiveView() as view:
            walk = Walk(self.lab, view, name)
            self.watch(view, [download, stream], CUT_TIMEOUT_S,
                       lambda: received(progress_path), walk.step)
        after = self.link_bytes()
        carried = {each: after[each] - before[each] for each in self.names}
        return cut_of(name, download.report(), stream.report(), carried, walk.carried_again_s)


class Walk:
    """Takes an uplink away and brings it back, by the clock of the view."""

    def __init__(self, lab, view, name):
        self._lab, self._view, self._name = lab, view, name
        self._todo = [(CUT_AT_S, self._cut), (BACK_AT_S, self._back)]
        self._back_at = None
        self._bytes_when_back = 0
        self.carried_again_s = None

    def step(self, uplinks):
        rx_bytes = next(each.rx_bytes for each in uplinks if each.name == self._name)
        if self._todo and self._view.seconds() >= self._todo[0][0]:
            self._todo.pop(0)[1](rx_bytes)
        elif self._back_at and self.carried_again_s is None:
            if rx_bytes > self._bytes_when_back + CARRIES_BYTES:
                self.carried_again_s = time.monotonic() - self._back_at
                self._view.note(f"{self._name} carries traffic again")

    def _cut(self, _rx_bytes):
        self._lab.link_down(self._name)
        self._view.note(f"{self._name} is cut:   ip link set {self._name} down")

    def _back(self, rx_bytes):
        self._lab.link_up(self._name)
        self._back_at, self._bytes_when_back = time.monotonic(), rx_bytes
        self._view.note(f"{self._name} is back:  ip link set {self._name} up, and its addresses")


def received(path):
    """How much of the file is there, from the progress that the download notes."""
    lines = Path(path).read_text().splitlines() if path.exists() else []
    try:
        count = json.loads(lines[-1])["bytes"]
    except (IndexError, ValueError):
        count = 0  # nothing noted yet, or a line half-written
    return f"{count / 1e6:5.1f} of {FILE_BYTES / 1e6:.0f} MB"


def cut_of(name, download, stream, carried, carried_again_s):
    return Cut(
        uplink=name,
        complete="error" not in download and download.get("bytes") == FILE_BYTES,
        sha256_ok=download.get("sha256_ok", False),
        seconds=download.get("seconds", 0.0),
        received_bytes=download.get("bytes", 0),
        stall_ms=download.get("longest_stall_ms", float("inf")),
        stall_at_s=download.get("longest_stall_at_s", 0.0),
        gap_ms=stream.get("longest_gap_ms", float("inf")),
        gap_at_s=stream.get("longest_gap_at_s", 0.0),
        uplink_bytes=carried,
        carried_again_s=carried_again_s,
    )
