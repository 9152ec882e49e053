#!/usr/bin/python3
"""Recomputes the checksums of every packet that arrives at an Ethernet device: IPv4 headers, TCP,
UDP, ICMP and ICMPv6, those of fragmented packets too.

    checksums.py DEVICE     says "listening"; at SIGTERM prints one line of JSON

| field | packets |
|---|---|
| `packets`, `tcp`, `udp`, `icmp`, `fragments` | that arrived; of a protocol, whole; pieces |
| `bad`, `faults` | with a wrong checksum; what the first of them were |
| `open` | whose checksum the sending kernel has left to a network card: not looked at |
| `no_checksum` | UDP over IPv4 without one |
| `ce`, `cwr` | TCP with CE in the IP header (ECN); with the flag CWR |
| `cwr_super` | with CWR, and still to be cut into segments |
| `cwr_once` | of these, told to have CWR in the first segment only (SKB_GSO_TCP_ECN) |
| `longest` | bytes of the largest |
| `missed` | that came faster than they were read: neither counted nor looked at |
"""

import argparse
import json
import signal
import socket
import struct
import sys
import threading
from collections import OrderedDict

SOL_PACKET = 263  # linux/if_packet.h
PACKET_STATISTICS = 6
PACKET_AUXDATA = 8
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
TP_STATUS_CSUMNOTREADY = 1 << 3
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 128 << 20
ETHERNET_HEADER, VNET_HEADER = 14, 10
LARGEST = 65535 + ETHERNET_HEADER + VNET_HEADER
VNET_GSO_ECN = 0x80  # linux/virtio_net.h
ANCILLARY = socket.CMSG_SPACE(20)  # struct tpacket_auxdata
IDLE_S = 0.1

TCP, UDP, ICMP, ICMP6, FRAGMENT = 6, 17, 1, 58, 44
EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options
NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmp"}
MOST_FAULTS = 5
MOST_INCOMPLETE = 64  # fragmented packets whose pieces are waited for
CE = 3
CWR = 0x80


def remainder(data):
    """The sum of the big-endian 16-bit words (RFC 1071), modulo 65535: zero where data that is not
    all zero holds a right checksum."""
    return int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF


class Checker:
    """Counts packets and judges their checksums."""

    def __init__(self):
        self.counts = dict.fromkeys(
            ("packets", "tcp", "udp", "icmp", "fragments", "bad", "open", "no_checksum", "ce",
             "cwr", "cwr_super", "cwr_once", "longest"), 0)
        self.faults = []
        self._gso_type = 0  # of the packet that is looked at
        self._incomplete = OrderedDict()

    def report(self):
        return {**self.counts, "faults": self.faults}

    def take(self, packet, is_open=False, gso_type=0):
        """Looks at one IP packet, which may have padding behind it. `gso_type`: as in the kernel's
        virtio-net header."""
        self._gso_type = gso_type
        version = packet[0] >> 4 if packet else 0
        if version not in (4, 6):
            return
        self.counts["packets"] += 1
        try:
            (self._take4 if version == 4 else self._take6)(packet, is_open)
        except (struct.error, IndexError):
            self._fault("cut short", packet)

    def _take4(self, packet, is_open):
        header = (packet[0] & 15) * 4
        total, number, piece = struct.unpack_from("!HHH", packet, 2)
        packet = packet[:total]
        self.counts["longest"] = max(self.counts["longest"], total)
        if remainder(packet[:header]) != 0:
            self._fault("IPv4 header", packet)
        addresses, protocol = packet[12:20], packet[9]
        payload = packet[header:]
        if piece & 0x3FFF:
            payload = self._join((addresses, number), (piece & 0x1FFF) * 8, piece & 0x2000, payload)
        self._transport(addresses, protocol, payload, packet[1], is_open)

    def _take6(self, packet, is_open):
        first, length, protocol = struct.unpack_from("!IHB", packet)
        packet = packet[:40 + length]
        self.counts["longest"] = max(self.counts["longest"], len(packet))
        addresses, at = packet[8:40], 40
        while protocol in EXTENSIONS:
            protocol, at = packet[at], at + packet[at + 1] * 8 + 8
        payload = packet[at:]
        if protocol == FRAGMENT:
            protocol, _, piece, number = struct.unpack_from("!BBHI", payload)
            payload = self._join((addresses, number), piece & 0xFFF8, piece & 1, payload[8:])
        self._transport(addresses, protocol, payload, first >> 20 & 0xFF, is_open)

    def _join(self, key, offset, more, piece):
        """The payload of a fragmented packet, once all of it is there."""
        self.counts["fragments"] += 1
        pieces = self._incomplete.setdefault(key, {})
        pieces[offset] = (piece, bool(more))
        whole = b""
        while len(whole) in pieces:
            part, expects_more = pieces[len(whole)]
            whole += part
            if not expects_more:
                del self._incomplete[key]
                return whole
        if len(self._incomplete) > MOST_INCOMPLETE:
            self._incomplete.popitem(last=False)
        return None

    def _transport(self, addresses, protocol, payload, traffic_class, is_open):
        if payload is None or protocol not in NAMES:
            return
        self.counts[NAMES[protocol]] += 1
        if protocol == TCP:
            self.counts["ce"] += traffic_class & 3 == CE
            self._count_cwr(payload)
        if is_open:
            self.counts["open"] += 1
            return
        pseudo = addresses + struct.pack("!II", len(payload), protocol)
        if protocol == ICMP:
            pseudo = b""
        if protocol == UDP and payload[6:8] == b"\0\0":
            if len(addresses) == 8:
                self.counts["no_checksum"] += 1
                return
            self._fault("no UDP checksum over IPv6", payload)
        elif remainder(pseudo + payload) != 0:
            self._fault(NAMES[protocol], payload)

    def _count_cwr(self, segment):
        if segment[13] & CWR:
            self.counts["cwr"] += 1
            self.counts["cwr_super"] += self._gso_type != 0
            self.counts["cwr_once"] += bool(self._gso_type & VNET_GSO_ECN)

    def _fault(self, what, data):
        self.counts["bad"] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(f"{what}, {len(data)} bytes: {data[:60].hex()}")


def open_socket(device):
    # Of no protocol until all is set: else packets of other devices come in first.
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    sniffer.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sniffer.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sniffer.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sniffer.bind((device, ETH_P_ALL))
    return sniffer


def listen(sniffer, checker):
    """Until SIGTERM, and then to the end of what has arrived."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    sniffer.settimeout(IDLE_S)
    print("listening", flush=True)
    while True:
        try:
            frame, auxiliary, _, _ = sniffer.recvmsg(LARGEST, ANCILLARY)
        except TimeoutError:
            if stopping.is_set():
                return
            continue
        status = struct.unpack_from("I", auxiliary[0][2])[0] if auxiliary else 0
        checker.take(frame[VNET_HEADER + ETHERNET_HEADER:],
                     bool(status & TP_STATUS_CSUMNOTREADY), frame[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device")
    sniffer = open_socket(parser.parse_args().device)
    checker = Checker()
    listen(sniffer, checker)
    statistics = sniffer.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
    print(json.dumps({**checker.report(), "missed": struct.unpack("II", statistics)[1]}),
          flush=True)


if __name__ == "__main__":
    sys.exit(main())
