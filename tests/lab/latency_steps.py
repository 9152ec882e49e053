"""The measurements of `bench latency`: each yields figures of one column."""

import json
import sys
import time

from latency_table import ping_figures, read_arrivals, voice_figures, worst

from lab import TRAFFIC, LabError

INTERVAL_S = 0.02
VOICE_BYTES, VOICE_PORT, EF = 200, 5012, 46
BEGIN_S = 0.5       # of what counts; iperf3 needs it to connect
GRACE_S = 10
BEFORE_S, BLACKHOLE_S, AFTER_S = 1, 2, 1


class Meter:
    """Pings, or a voice stream, from `client` to an address; under way from the start."""

    def __init__(self, lab, seconds, *words):
        self._seconds = seconds
        self._record = lab.directory / f"meter-{words[0]}"
        self._child = lab.popen("client", [sys.executable, TRAFFIC, *words, "--interval",
                                           f"{INTERVAL_S}s", "--record", self._record,
                                           "--real-time"])

    @classmethod
    def ping(cls, lab, address, seconds):
        return cls(lab, seconds, "ping", address, "--count", str(round(seconds / INTERVAL_S)))

    @classmethod
    def voice(cls, lab, address, seconds):
        return cls(lab, seconds, "udp-stream", address, str(VOICE_PORT), "--seconds",
                   f"{seconds}s", "--size", str(VOICE_BYTES), "--dscp", str(EF))

    def finish(self):
        """The arrivals, and how many messages were sent."""
        self._child.wait(self._seconds + GRACE_S)
        text = self._child.log_path.read_text().strip()
        try:
            sent = json.loads(text.splitlines()[-1])["sent"]
        except (ValueError, IndexError, KeyError):
            raise LabError(f"{self._record.name}: {text[-200:]}") from None
        return read_arrivals(self._record.read_text()), sent


class Bench:
    """Measures a column. `seconds` count under load, after `warm_up_s`."""

    def __init__(self, lab, seconds, warm_up_s, idle_s):
        self._lab, self._seconds, self._warm_up_s, self._idle_s = lab, seconds, warm_up_s, idle_s
        lab.traffic_server("server", "udp-echo-server", str(VOICE_PORT), "--dscp", str(EF),
                           "--real-time")

    def idle(self, column):
        ping = Meter.ping(self._lab, column.address, self._idle_s)
        return ping_figures(*ping.finish(), shares=(50, 95), prefix="idle-")

    def loaded(self, column, scenario, names):
        """Pings and voice while TCP flows."""
        with column.begin_tcp(self._seconds, scenario.streams, scenario.way,
                              self._warm_up_s) as test:
            time.sleep(self._warm_up_s + BEGIN_S)
            meters = [begin(self._lab, column.address, self._seconds - BEGIN_S)
                      for begin in (Meter.ping, Meter.voice)]
            pings, voice = (meter.finish() for meter in meters)
            goodput = column.finish_tcp(test)
        return {"goodput": goodput, **ping_figures(*pings, shares=(50, 95, 99)),
                **voice_figures(*voice, usual_ms(column, scenario, names))}

    def blackholes(self, column, scenario, names):
        """Voice while each uplink in turn loses everything for a while."""
        return worst([self._blackhole(column, name, usual_ms(column, scenario, names))
                      for name in column.uplinks_of(names)])

    def _blackhole(self, column, name, usual):
        voice = Meter.voice(self._lab, column.address, BEFORE_S + BLACKHOLE_S + AFTER_S)
        time.sleep(BEFORE_S)
        self._lab.blackhole(name)
        try:
            time.sleep(BLACKHOLE_S)
        finally:
            self._lab.heal(name)
        figures = voice_figures(*voice.finish(), usual)
        column.recover()
        return figures


def usual_ms(column, scenario, names):
    """The way over the slower line that the column uses: what a line that fails leaves."""
    used = column.uplinks_of(names)
    return max(line.longest_ms for name, line in zip(names, scenario.lines) if name in used)
