"""iperf3 in the lab: one test of TCP between two hosts, and what its report says."""

import json
from dataclasses import dataclass

from cable import CONGESTION
from lab import LabError

PORT = "5201"
GRACE_S = 20          # for a test to begin and to end, beside its duration


@dataclass
class Transfer:
    """What arrived, both ways together."""

    bytes: int
    bit_s: float


def read_report(text):
    """The `end` of an iperf3 report; LabError when the test failed."""
    try:
        report = json.loads(text)
    except ValueError:
        raise LabError(f"iperf3: no report: {text[-200:].strip()}") from None
    if report.get("error"):
        raise LabError(f"iperf3: {report['error']}")
    return report["end"]


def read_transfer(text):
    end = read_report(text)
    sums = [end[key] for key in ("sum_received", "sum_received_bidir_reverse") if key in end]
    if not sums:
        raise LabError("iperf3: a report without what arrived")
    return Transfer(sum(each["bytes"] for each in sums),
                    sum(each["bits_per_second"] for each in sums))


@dataclass
class Iperf:
    """Tests from one host of a lab to an address of another. `prefix`: words in front of both
    programs' command lines."""

    lab: object
    client: str
    server: str
    address: str
    prefix: tuple = ()

    def tcp(self, seconds, streams=1, way="up"):
        """`way`: up is towards the server, down from it, both at once."""
        words = {"up": [], "down": ["-R"], "both": ["--bidir"]}[way]
        return read_transfer(self._run(seconds, "-C", CONGESTION, "-P", str(streams), *words))

    def _run(self, seconds, *words):
        server = self.lab.popen(self.server, [*self.prefix, "iperf3", "-s", "-1", "-p", PORT,
                                              "--forceflush"])
        try:
            self.lab.wait_for(lambda: b"listening" in server.log_path.read_bytes(), 10,
                              f"{self.server}: iperf3 listening")
            return self.lab.run(self.client, [*self.prefix, "iperf3", "-c", self.address,
                                              "-p", PORT, "-t", str(seconds), "-J", *words],
                                timeout=seconds + GRACE_S, check=False).stdout
        finally:
            self.lab.stop(server, grace_s=0.5)
            server.log_path.unlink(missing_ok=True)
