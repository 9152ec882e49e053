"""The measurements of `bench throughput`: each yields figures for one or several rows."""

from cable import Cable
from datagram_rate import send_datagrams
from iperf import Iperf
from lab import LabError
from process_usage import cpu_seconds, peak_resident_mib
from rate_search import RateSearch
from figures import percentile

# payload in bytes: first offer in datagrams a second, most loss
UDP_SEARCHES = {1200: (5e3, 0.01), 64: (10e3, 0.001)}
TRIAL_S = 0.6
QUICK_TRIALS = 5
GROUPS = ("tcp", "udp", "small", "rtt", "forwarded", "single")


class Bench:
    """Measures columns of a cable. `seconds`: of each transfer."""

    def __init__(self, cable, seconds, pings, quick):
        self._cable, self._seconds, self._pings = cable, seconds, pings
        self._trials = {"most_trials": QUICK_TRIALS} if quick else {}
        self._reached = {}  # (column, payload) -> the rate that came through last time

    def steps(self, groups, quick):
        """What one run consists of, in its order: (title, columns of TCP only too, function)."""
        found = []
        if "tcp" in groups:
            for streams in (1,) if quick else (1, 4, 16):
                for way in ("up", "down"):
                    found.append((f"TCP {streams} {way}", True,
                                  lambda column, s=streams, w=way: self.tcp(column, s, w)))
            found.append(("TCP both ways", True, self.both_ways))
        if "udp" in groups:
            found.append(("UDP 1200", False, lambda column: self.udp(column, 1200)))
        if "small" in groups:
            found.append(("UDP 64", False, lambda column: self.udp(column, 64)))
        if "rtt" in groups:
            found.append(("round trip", False, self.round_trip))
        for group in ("forwarded", "single"):
            if group in groups:
                found += [(f"{group} {way}", True,
                           lambda column, g=group, w=way: self.forwarded(column, g, w))
                          for way in ("up", "down")]
        return found

    def _direct(self, column):
        return Iperf(self._cable, "client", "server", column.address, column.prefix)

    def tcp(self, column, streams, way):
        """With one stream, the daemons' CPU time too."""
        before = {role: cpu_seconds(pid) for role, pid in column.daemons.items()}
        transfer = self._direct(column).tcp(self._seconds, streams, way)
        figures = {f"tcp-{streams}-{way}": transfer.bit_s / 1e9}
        if streams == 1 and transfer.bytes:
            figures |= {f"cpu-{way}-{role}":
                        (cpu_seconds(pid) - before[role]) / (transfer.bytes / 1e9)
                        for role, pid in column.daemons.items()}
        return figures

    def both_ways(self, column):
        return {"tcp-both": self._direct(column).tcp(self._seconds, way="both").bit_s / 1e9}

    def udp(self, column, payload):
        """The highest rate that comes through. A later run begins near what an earlier reached."""
        start, most_loss = UDP_SEARCHES[payload]
        known = self._reached.get((column, payload))
        search = RateSearch(known / 2 if known else start, most_loss, **self._trials)
        reordered = 0
        while (offer := search.offer()) is not None:
            result = send_datagrams(self._cable, "client", "server", column.address, payload, offer,
                                    TRIAL_S)
            if search.note(offer, result.sent, result.arrived, result.loss):
                reordered = result.reordered
        self._reached[column, payload] = search.best
        if search.best is None:
            raise LabError(f"no rate came through with at most {100 * most_loss:g} % lost")
        if payload == 64:
            return {"udp-64": search.best / 1e3, "udp-64-reordered": 100 * reordered}
        return {f"udp-{payload}": search.best * payload * 8 / 1e9}

    def round_trip(self, column):
        record = self._cable.directory / "pings"
        report = self._cable.traffic("client", "ping", column.address, "--count",
                                     str(self._pings), "--interval", "10ms", "--record", record)
        if "error" in report:
            raise LabError(f"ping: {report['error']}")
        times = [(int(received) - int(sent)) / 1e3
                 for _, sent, received, _ in map(str.split, record.read_text().splitlines())]
        return {"rtt-p50": percentile(times, 50), "rtt-p99": percentile(times, 99)}

    def forwarded(self, column, group, way):
        """`group` single: without GRO."""
        self._cable.forward_through(column.client_device, column.server_device)
        iperf = Iperf(self._cable, "lan", "internet", Cable.internet4, column.prefix)
        self._cable.put_together(group == "forwarded")
        try:
            return {f"{group}-tcp-1-{way}": iperf.tcp(self._seconds, way=way).bit_s / 1e9}
        finally:
            self._cable.put_together(True)


def memory(column):
    return {f"memory-{role}": peak_resident_mib(pid) for role, pid in column.daemons.items()}
