"""Numbered datagrams at a given rate between two hosts of a lab, by datagram_meter."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from lab import LabError

PORT = "5202"
GRACE_S = 10  # to begin and to end, beside the duration
DRAIN_S = 5   # what is under way may come within it


@dataclass
class Datagrams:
    """Rates in datagrams a second: sent, and arrived from the first to the last; the shares of
    those sent that were lost, and of those arrived that came behind a later one. Those of a warm-up
    count for `sent` only."""

    sent: float
    arrived: float
    loss: float
    reordered: float


def lab_program(name):
    """One that is built with braid, in $BRAID_BUILD or build/release."""
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("BRAID_BUILD", root / "build" / "release"), "tests", "lab", name)


def read_reports(sender, receiver, skipped=0):
    """The last lines of both, JSON; the receiver has not counted the first `skipped`. LabError when
    one has said nothing of use."""
    try:
        sent, received = (json.loads(text.strip().splitlines()[-1]) for text in (sender, receiver))
        count, counted = received["received"], sent["sent"] - skipped
        return Datagrams(sent["sent"] / sent["seconds"],
                         (count - 1) / received["seconds"] if received["seconds"] else 0.0,
                         1 - count / counted if counted > 0 else 1.0,
                         received["reordered"] / count if count else 0.0)
    except (ValueError, IndexError, KeyError, TypeError):
        raise LabError(f"datagram_meter: {sender[-200:].strip()} / {receiver[-200:].strip()}"
                       ) from None


def send_datagrams(lab, client, server, address, size, rate, seconds, warm_up_s=0, settle_s=0,
                   prefix=()):
    """From `client` to an address of `server`, `size` bytes of payload, `rate` a second. Those of
    the first `warm_up_s` do not count; `settle_s` is how long the last may be under way beyond what
    the receiver waits anyway; `prefix` are words in front of the sender's command line."""
    meter = lab_program("datagram_meter")
    skipped = int(rate * warm_up_s)
    receiver = lab.popen(server, [meter, "receive", PORT, str(skipped)])
    try:
        lab.wait_for(lambda: receiver.log_path.read_bytes() or receiver.poll() is not None, 10,
                     f"{server}: datagram_meter listening")
        sent = lab.run(client, [*prefix, meter, "send", address, PORT, str(size), f"{rate:.3f}",
                                str(warm_up_s + seconds)],
                       timeout=warm_up_s + seconds + GRACE_S).stdout
        time.sleep(settle_s)
        lab.stop(receiver, DRAIN_S)
        return read_reports(sent, receiver.log_path.read_text(), skipped)
    finally:
        lab.stop(receiver, grace_s=0.5)
        receiver.log_path.unlink(missing_ok=True)
