"""Numbered datagrams at a given rate between two hosts of a lab, by datagram_meter."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from lab import LabError

PORT = "5202"
GRACE_S = 10  # to begin and to end, beside the duration
DRAIN_S = 5   # what is under way may come within it


@dataclass
class Datagrams:
    """Rates in datagrams a second: sent, and arrived from the first to the last; the shares of
    those sent that were lost, and of those arrived that came behind a later one."""

    sent: float
    arrived: float
    loss: float
    reordered: float


def lab_program(name):
    """One that is built with braid, in $BRAID_BUILD or build/release."""
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("BRAID_BUILD", root / "build" / "release"), "tests", "lab", name)


def read_reports(sender, receiver):
    """The last lines of both, JSON; LabError when one has said nothing of use."""
    try:
        sent, received = (json.loads(text.strip().splitlines()[-1]) for text in (sender, receiver))
        count = received["received"]
        return Datagrams(sent["sent"] / sent["seconds"],
                         (count - 1) / received["seconds"] if received["seconds"] else 0.0,
                         1 - count / sent["sent"] if sent["sent"] else 1.0,
                         received["reordered"] / count if count else 0.0)
    except (ValueError, IndexError, KeyError, TypeError):
        raise LabError(f"datagram_meter: {sender[-200:].strip()} / {receiver[-200:].strip()}"
                       ) from None


def send_datagrams(lab, client, server, address, size, rate, seconds):
    """From `client` to an address of `server`, `size` bytes of payload, `rate` a second."""
    meter = lab_program("datagram_meter")
    receiver = lab.popen(server, [meter, "receive", PORT])
    try:
        lab.wait_for(lambda: receiver.log_path.read_bytes() or receiver.poll() is not None, 10,
                     f"{server}: datagram_meter listening")
        sent = lab.run(client, [meter, "send", address, PORT, str(size), f"{rate:.3f}",
                                str(seconds)], timeout=seconds + GRACE_S).stdout
        lab.stop(receiver, DRAIN_S)
        return read_reports(sent, receiver.log_path.read_text())
    finally:
        lab.stop(receiver, grace_s=0.5)
        receiver.log_path.unlink(missing_ok=True)
