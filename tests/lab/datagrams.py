"""UDP between two hosts of the lab, in every form that offload and forwarding may get wrong:
super-packets, fragments, DSCP and ECN, ICMP errors."""

import errno
import random
import select
import socket
import struct
import sys
from dataclasses import dataclass

from netns import inside

UDP_SEGMENT = 103  # linux/udp.h
MSG_ERRQUEUE = 0x2000
TIMEOUT_S = 2
TRIES = 3
RECEIVE_BUFFER = 4 << 20
SO_RCVBUFFORCE = 33


@dataclass(frozen=True)
class Family:
    """The socket options of one IP version (linux/in.h, linux/in6.h)."""

    number: int
    level: int
    traffic_class: int
    receive_traffic_class: int
    hops: int
    discover: int
    receive_errors: int
    offender_at: int  # bytes into its sockaddr

    @classmethod
    def of(cls, address):
        return IPV6 if ":" in address else IPV4


IPV4 = Family(socket.AF_INET, socket.IPPROTO_IP, traffic_class=1, receive_traffic_class=13, hops=2,
              discover=10, receive_errors=11, offender_at=4)
IPV6 = Family(socket.AF_INET6, socket.IPPROTO_IPV6, traffic_class=67, receive_traffic_class=66,
              hops=16, discover=23, receive_errors=25, offender_at=8)
PMTUDISC_DO = 2


@dataclass
class IcmpError:
    """An error that a host or a router has sent, as the sender's socket tells it."""

    errno: int
    offender: str
    mtu: int


def udp_socket(lab, role, address, port=0):
    """A socket of a host of the lab, for addresses such as `address`. Hears DSCP and ECN."""
    family = Family.of(address)
    with inside(lab.ns(role)):
        opened = socket.socket(family.number, socket.SOCK_DGRAM)
    opened.settimeout(TIMEOUT_S)
    opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    opened.setsockopt(family.level, family.receive_traffic_class, 1)
    opened.bind(("", port))
    return opened


def traffic_class_of(auxiliary):
    """From the only control message there is: a byte with IPv4, an int with IPv6."""
    return int.from_bytes(auxiliary[0][2], sys.byteorder) if auxiliary else 0


def receive(heard, bytes_wanted):
    """Whole datagrams up to so many bytes, fewer when no more come: [(content, traffic class)],
    and the last sender."""
    got, sender = [], None
    while bytes_wanted > 0:
        try:
            data, auxiliary, _, sender = heard.recvmsg(1 << 16, 256)
        except TimeoutError:
            break
        got.append((data, traffic_class_of(auxiliary)))
        bytes_wanted -= len(data)
    return got, sender


class Conversation:
    """A host that asks, and one that answers at the address from which it was asked."""

    def __init__(self, lab, asking, answering, address, port):
        self.family = Family.of(address)
        self.near = udp_socket(lab, asking, address)
        self.far = udp_socket(lab, answering, address, port)
        self.near.connect((address, port))
        self._random = random.Random(1)

    def __enter__(self):
        self.reach()
        return self

    def __exit__(self, *_):
        self.near.close()
        self.far.close()

    def reach(self):
        """Finds out where the far end is to answer."""
        for _ in range(TRIES):
            self.near.send(b"hello")
            _, back = receive(self.far, 1)
            if back:
                self.far.connect(back)
                return
        raise TimeoutError("the far end heard nothing")

    def carry(self, length, segment=0, traffic_class=0):
        """Sends so many bytes each way, as datagrams of `segment` bytes if it is given, in one
        call. Yields what is wrong with what has arrived, nothing if all is right."""
        for sender, hearer, way in ((self.near, self.far, "there"), (self.far, self.near, "back")):
            fault = self._carry(sender, hearer, length, segment, traffic_class)
            if fault:
                return f"{way}: {fault}"
        return ""

    def _carry(self, sender, hearer, length, segment, traffic_class):
        sender.setsockopt(self.family.level, self.family.traffic_class, traffic_class)
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, segment)
        size = segment or length
        for _ in range(TRIES):
            content = self._random.randbytes(length)
            wanted = [(content[at:at + size], traffic_class) for at in range(0, length, size)]
            send_cut(sender, content, segment)
            got, _ = receive(hearer, length)
            if got == wanted:
                return ""
            # What arrives may come late or not at all, but never changed.
            if len(got) == len(wanted):
                return f"{len(got)} datagrams of {length} bytes are not what was sent"
        return f"{len(got)} of {len(wanted)} datagrams came"


def send_cut(sender, content, segment):
    try:
        sender.send(content)
    except OSError as failed:
        if failed.errno != errno.EIO or not segment:
            raise
        # Older kernels cut nothing for a device that completes no checksums.
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        for at in range(0, len(content), segment):
            sender.send(content[at:at + segment])


def icmp_error(lab, role, address, port, size=100, hops=64, fragment=True):
    """Sends a datagram, again when nothing happens, and yields the error that comes back for it;
    none after some seconds."""
    family = Family.of(address)
    with udp_socket(lab, role, address) as sender:
        sender.setsockopt(family.level, family.receive_errors, 1)
        sender.setsockopt(family.level, family.hops, hops)
        if not fragment:
            sender.setsockopt(family.level, family.discover, PMTUDISC_DO)
        sender.connect((address, port))
        poll = select.poll()
        poll.register(sender, 0)  # errors are told of in any case
        for _ in range(TRIES):
            sender.send(bytes(size))
            if poll.poll(TIMEOUT_S * 1000):
                return read_error(sender, family)
    return None


def read_error(sender, family):
    _, auxiliary, _, _ = sender.recvmsg(1 << 16, 512, MSG_ERRQUEUE)
    data = next(data for level, kind, data in auxiliary
                if (level, kind) == (family.level, family.receive_errors))
    # struct sock_extended_err, then the sockaddr of who has sent it.
    number, _, _, _, _, info, _ = struct.unpack_from("IBBBBII", data)
    at = 16 + family.offender_at
    length = 4 if family is IPV4 else 16
    return IcmpError(number, socket.inet_ntop(family.number, data[at:at + length]), info)
