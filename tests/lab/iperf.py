"""iperf3 in the lab: one test of TCP between two hosts, and what its report says."""

import json
import subprocess
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
        with self.begin(seconds, streams, way) as test:
            return test.finish()

    def begin(self, seconds, streams=1, way="up", warm_up_s=0, congestion=CONGESTION):
        """Starts what tcp() does and yields the Test; what arrives in the first `warm_up_s`, before
        `seconds`, does not count."""
        words = {"up": [], "down": ["-R"], "both": ["--bidir"]}[way]
        server = self.lab.popen(self.server, [*self.prefix, "iperf3", "-s", "-1", "-p", PORT,
                                              "--forceflush"])
        test = Test(self.lab, [server], warm_up_s + seconds + GRACE_S)
        try:
            self.lab.wait_for(lambda: b"listening" in server.log_path.read_bytes(), 10,
                              f"{self.server}: iperf3 listening")
            test.children.append(self.lab.popen(
                self.client, [*self.prefix, "iperf3", "-c", self.address, "-p", PORT, "-J",
                              "-t", str(seconds), "-O", str(warm_up_s), "-C", congestion,
                              "-P", str(streams), *words], stderr=subprocess.DEVNULL))
            return test
        except BaseException:
            test.stop()
            raise


@dataclass
class Test:
    """One that is under way: the two programs, the client last. Ends with the `with`."""

    lab: object
    children: list
    timeout_s: float

    def finish(self):
        """Waits for its end and yields the Transfer."""
        client = self.children[-1]
        client.wait(self.timeout_s)
        return read_transfer(client.log_path.read_text())

    def stop(self):
        for child in self.children:
            self.lab.stop(child, grace_s=0.5)
            child.log_path.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
