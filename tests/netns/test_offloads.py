#!/usr/bin/python3
"""Whatever the network cards on the way do for the kernel or leave to it, packets come out of the
tunnel as they went in, with right checksums: a LAN host and an Internet host talk, and the ends of
the tunnel, while segmentation, aggregation and checksum offload are on and off in many ways."""

import errno
import json
import os
import sys
import unittest

from tunnel import ROOT, SERVER_INNER4, SERVER_INNER6, Tunnel, binaries

from checksums import Checker, remainder
from datagrams import Conversation, icmp_error
from topology import FORWARDING_SYSCTLS

CHECKSUMS = ROOT / "tests" / "lab" / "checksums.py"
LAN_NETWORKS = ["10.90.0.0/24", "fd71:90::/64"]
MTU = 1500

# Devices, by where they are.
HOSTS = (("lan", "eth0"), ("internet", "eth0"))
LAN_SIDE = (("client", "lan0"),)
INTERNET_SIDE = (("server", "eth0"), ("core", "server"), ("core", "internet"))
UPLINKS = (("client", "wifi"), ("client", "lte"))  # software devices: the rest they never have
TUNS = (("client", "braid0"), ("server", "braid0"))

ON = {"rx": "on", "tx": "on", "tso": "on", "gso": "on", "gro": "on"}
OFF = dict.fromkeys(ON, "off")
NO_EGRESS = {**OFF, "gro": "on"}
SOFTWARE_ON, SOFTWARE_OFF = {"gso": "on", "gro": "on"}, {"gso": "off", "gro": "off"}
USO_ON, USO_OFF = {"tx-udp-segmentation": "on"}, {"tx-udp-segmentation": "off"}
DEFAULT = {HOSTS: ON, LAN_SIDE: ON, INTERNET_SIDE: ON, UPLINKS: SOFTWARE_ON, TUNS: USO_ON}

# What differs from DEFAULT, and whether only whole packets reach the end hosts then.
STATES = {
    "all on": ({}, False),
    "egress off": ({LAN_SIDE: NO_EGRESS, INTERNET_SIDE: NO_EGRESS, HOSTS: {**ON, "gro": "off"}},
                   True),
    "hosts off, aggregated on ingress": (
        {HOSTS: OFF, LAN_SIDE: NO_EGRESS, INTERNET_SIDE: NO_EGRESS}, True),
    "checksums on, segmentation in software": (
        dict.fromkeys((HOSTS, LAN_SIDE, INTERNET_SIDE), {**ON, "tso": "off", "gro": "off"}), False),
    "LAN egress off": ({LAN_SIDE: NO_EGRESS, HOSTS: {**ON, "gro": "off"}}, False),
    "LAN off": ({HOSTS: OFF, LAN_SIDE: OFF}, False),
    "uplinks and Internet off": ({INTERNET_SIDE: OFF, UPLINKS: SOFTWARE_OFF}, False),
    "TUNs give no UDP super-packets": (
        {TUNS: USO_OFF, LAN_SIDE: NO_EGRESS, INTERNET_SIDE: NO_EGRESS, HOSTS: {**ON, "gro": "off"}},
        True),
    "all off": ({HOSTS: OFF, LAN_SIDE: OFF, INTERNET_SIDE: OFF, UPLINKS: SOFTWARE_OFF,
                 TUNS: USO_OFF}, True),
}

SUPER_PACKET = {"length": 20 * 1200 + 300, "segment": 1200}
MESSAGES = (*[SUPER_PACKET] * 10, {"length": 4000}, {"length": 20000})  # the last two in fragments
# DSCP in the upper six bits (CS0, AF11, EF), each with all of ECN.
TRAFFIC_CLASSES = [dscp | ecn for dscp in (0, 0x28, 0xB8) for ecn in range(4)]

NO_FORWARDING = dict.fromkeys(FORWARDING_SYSCTLS, "0")
SMALL_MTU = 1300
MARK_CE = """table inet marks {
    chain forward {
        type filter hook forward priority 0
        ip ecn ect0 numgen inc mod 20 0 ip ecn set ce
        ip6 ecn ect0 numgen inc mod 20 0 ip6 ecn set ce
    }
}
"""


class Checksums(unittest.TestCase):
    """The sniffer itself, without a lab."""

    IPV4_UDP = bytes.fromhex("4500001f0001000040114f760a5a0002c00002500035003500" "0b0000616263")

    def packet(self):
        """A UDP datagram of three bytes over IPv4, whose checksums are made here."""
        packet = bytearray(self.IPV4_UDP)
        packet[10:12] = bytes(2)
        packet[10:12] = (0xFFFF - remainder(packet[:20])).to_bytes(2, "big")
        pseudo = packet[12:20] + (11).to_bytes(4, "big") + (17).to_bytes(4, "big")
        packet[26:28] = (0xFFFF - remainder(pseudo + packet[20:])).to_bytes(2, "big")
        return packet

    def judge(self, packet, is_open=False):
        checker = Checker()
        checker.take(bytes(packet), is_open)
        return checker.report()

    def test_a_right_packet_passes_with_padding_too(self):
        for padding in (b"", b"\1\2\3"):
            report = self.judge(self.packet() + padding)
            self.assertEqual((report["udp"], report["bad"]), (1, 0), report)

    def test_every_changed_bit_of_the_payload_and_of_the_addresses_is_noticed(self):
        for at in (12, 16, 20, 26, 28, 30):
            packet = self.packet()
            packet[at] ^= 4
            self.assertGreaterEqual(self.judge(packet)["bad"], 1, at)

    def test_an_open_checksum_is_only_counted(self):
        packet = self.packet()
        packet[26] ^= 4
        report = self.judge(packet, is_open=True)
        self.assertEqual((report["open"], report["bad"]), (1, 0))

    def test_fragments_are_judged_together(self):
        for change in (0, 1):
            packet = self.packet()
            packet[30] ^= change
            checker = Checker()
            for offset, payload, more in ((1, packet[28:], 0), (0, packet[20:28], 0x2000)):
                piece = bytearray(packet[:20]) + payload
                piece[2:4] = len(piece).to_bytes(2, "big")
                piece[6:8] = (more | offset).to_bytes(2, "big")
                piece[10:12] = bytes(2)
                piece[10:12] = (0xFFFF - remainder(piece[:20])).to_bytes(2, "big")
                checker.take(bytes(piece))
            report = checker.report()
            self.assertEqual((report["fragments"], report["udp"], report["bad"]), (2, 1, change))


class Offloads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tunnel = Tunnel(uplinks=("wifi=fibre", "lte=fibre"), lan=True)
        cls.tunnel.__enter__()
        cls.addClassCleanup(cls.tunnel.__exit__)
        cls.lab = cls.tunnel.lab
        cls.tunnel.server.peers[0]["addresses"] += LAN_NETWORKS
        cls.tunnel.server.write_config()
        cls.tunnel.start()
        for role in ("internet", "server"):
            cls.lab.traffic_server(role, "tcp-server", "5001")
        cls.internet = (cls.lab.internet4, cls.lab.internet6)
        cls.inner = (SERVER_INNER4, SERVER_INNER6)

    # Means

    def set_state(self, name):
        different, _ = STATES[name]
        for group, features in {**DEFAULT, **different}.items():
            words = [word for pair in features.items() for word in pair]
            for role, device in group:
                self.lab.run(role, ["ethtool", "-K", device, *words])

    def sniffed(self, what, action):
        """Runs `action` while everything that reaches the end hosts is looked at. Nothing may be
        wrong, by the sniffers and by the kernels; yields what the sniffers have counted."""
        before = self.kernel_counters()
        sniffers = {role: self.lab.popen(role, [sys.executable, CHECKSUMS, device])
                    for role, device in HOSTS}
        for role, sniffer in sniffers.items():
            self.lab.wait_for(lambda s=sniffer: b"listening" in s.log_path.read_bytes(), 10,
                              f"{role}: sniffer listening")
        action()
        seen = {}
        for role, sniffer in sniffers.items():
            self.lab.stop(sniffer, grace_s=20)
            seen[role] = json.loads(sniffer.log_path.read_text().splitlines()[-1])
            kinds = ", ".join(f"{key} {value}" for key, value in seen[role].items()
                              if value and key not in ("packets", "bad", "faults"))
            print(f"  {what}: {role} {seen[role]['packets']} packets, {seen[role]['bad']} bad "
                  f"({kinds})", flush=True)
            self.assertEqual(seen[role]["bad"], 0, f"{role}: {seen[role]['faults']}")
            self.assertGreater(seen[role]["packets"], 0, role)
        self.assertEqual(self.kernel_counters(), before, "the kernels' InCsumErrors, and packets "
                         "that braid could not read, describe or deliver")
        return seen

    def kernel_counters(self):
        counters = {}
        for role in ("lan", "internet", "client", "server"):
            listed = json.loads(self.lab.run(role, ["nstat", "-asz", "--json"]).stdout)
            counters |= {(role, key): value for key, value in listed["kernel"].items()
                         if key.endswith("InCsumErrors")}
        for program in (self.tunnel.client, self.tunnel.server):
            dropped = program.status()["dropped_packets"]
            counters |= {(program.role, key): dropped[key]
                         for key in ("unreadable", "refused", "undelivered")}
        return counters

    def transfer(self, role, hosts, size):
        for host in hosts:
            for way in ("download", "upload"):
                report = self.lab.traffic(role, way, host, "5001", size)
                self.assertTrue(report.get("sha256_ok"), f"{role} {way} {host}: {report}")

    def converse(self, asking, answering, hosts, port, messages):
        for host in hosts:
            with Conversation(self.lab, asking, answering, host, port) as conversation:
                for message in messages:
                    fault = conversation.carry(**message)
                    self.assertEqual(fault, "", f"{asking} {host} {message}")

    # What is expected

    def everything(self, state):
        self.transfer("lan", self.internet, "1M")
        if state in ("all on", "all off"):
            self.transfer("client", self.inner, "300k")
        self.converse("lan", "internet", self.internet, 5002, MESSAGES)
        self.converse("client", "server", self.inner, 5003, MESSAGES)

    def test_all_traffic_is_right_in_every_state(self):
        for name, (_, is_whole) in STATES.items():
            with self.subTest(name):
                self.set_state(name)
                for role, seen in self.sniffed(name, lambda n=name: self.everything(n)).items():
                    if is_whole:
                        self.assertEqual(seen["open"], 0, role)
                        self.assertLessEqual(seen["longest"], MTU, role)

    def test_dscp_and_ecn_of_datagrams_come_through(self):
        for name in ("egress off", "all off"):
            with self.subTest(name):
                self.set_state(name)
                messages = [{**message, "traffic_class": traffic_class}
                            for traffic_class in TRAFFIC_CLASSES
                            for message in ({"length": 100}, SUPER_PACKET)]
                self.sniffed(f"DSCP and ECN, {name}", lambda m=messages: self.converse(
                    "lan", "internet", self.internet, 5002, m))

    def test_congestion_marks_reach_tcp_and_its_answers_come_back(self):
        # Marks are made between server and Internet host. Those of downloads come through the
        # tunnel as CE; CWR, the answer of either end, comes through it both ways.
        for role in ("lan", "internet"):
            self.lab.sysctl(role, {"net.ipv4.tcp_ecn": 1})
            self.addCleanup(self.lab.sysctl, role, {"net.ipv4.tcp_ecn": 2})
        self.lab.run("core", ["nft", "-f", "-"], input=MARK_CE)
        self.addCleanup(self.lab.run, "core", ["nft", "delete table inet marks"])
        for name in ("all on", "egress off"):
            with self.subTest(name):
                self.set_state(name)
                seen = self.sniffed(f"TCP with ECN, {name}", lambda: self.transfer(
                    "lan", self.internet, "3M"))
                self.assertGreater(seen["lan"]["ce"], 0)
                self.assertGreater(seen["lan"]["cwr"], 0)
                self.assertGreater(seen["internet"]["cwr"], 4, "beside the connections' SYNs")
                if name == "all on":
                    # Whoever cuts one that arrived whole must know to repeat the flag in no other
                    # segment. A kernel repeats it nowhere; a card may, where it is not told.
                    whole = sum(each["cwr_super"] for each in seen.values())
                    self.assertGreater(whole, 0)
                    self.assertEqual(sum(each["cwr_once"] for each in seen.values()), whole)
                if STATES[name][1]:
                    # Mostly once for each answer, never in all segments of a super-packet.
                    self.assertLess(seen["lan"]["cwr"], 2 * seen["lan"]["ce"] + 10)

    def test_errors_of_hosts_and_routers_reach_the_sender_inside(self):
        for name in ("all on", "all off"):
            with self.subTest(name):
                self.set_state(name)
                self.sniffed(f"ICMP errors, {name}", self.provoke_errors)

    def provoke_errors(self):
        lab = self.lab
        routers = (("10.90.0.1", SERVER_INNER4, "203.0.113.1"),
                   ("fd71:90::1", SERVER_INNER6, "fd71:100::1"))
        for host, hops in zip(self.internet, routers):
            error = icmp_error(lab, "lan", host, 9)
            self.assertEqual((error.errno, error.offender), (errno.ECONNREFUSED, host))
            for number, router in enumerate(hops, start=1):
                error = icmp_error(lab, "lan", host, 9, hops=number)
                self.assertEqual((error.errno, error.offender), (errno.EHOSTUNREACH, router))
        for asking, host in (("client", SERVER_INNER4), ("client", SERVER_INNER6),
                             ("server", lab.lan4), ("server", lab.lan6)):
            error = icmp_error(lab, asking, host, 9)
            self.assertEqual((error.errno, error.offender), (errno.ECONNREFUSED, host), asking)

    def test_a_smaller_mtu_behind_the_tunnel_is_told_and_kept_to(self):
        # Beyond either end, so that the error crosses the tunnel: on the way to the Internet host
        # in core, on the way to the LAN in the client.
        narrow = [("core", host, "internet") for host in self.internet]
        narrow += [("client", host, "lan0") for host in (self.lab.lan4, self.lab.lan6)]
        for role, host, device in narrow:
            self.lab.run(role, ["ip", "route", "add", host, "dev", device, "mtu", "lock",
                                str(SMALL_MTU)])
            self.addCleanup(self.lab.run, role, ["ip", "route", "del", host, "dev", device])
        self.addCleanup(self.forget_mtus)
        for name in ("all on", "egress off", "all off"):
            with self.subTest(name):
                self.set_state(name)
                seen = self.sniffed(f"MTU {SMALL_MTU}, {name}", self.find_mtus)
                if STATES[name][1]:
                    self.assertLessEqual(seen["lan"]["longest"], SMALL_MTU)
                    self.assertLessEqual(seen["internet"]["longest"], SMALL_MTU)

    def find_mtus(self):
        self.forget_mtus()
        for host, router in zip(self.internet, ("203.0.113.1", "fd71:100::1")):
            error = icmp_error(self.lab, "lan", host, 5002, size=1400, fragment=False)
            self.assertEqual((error.errno, error.offender, error.mtu),
                             (errno.EMSGSIZE, router, SMALL_MTU))
        self.forget_mtus()  # TCP is to find out by itself, at both ends
        self.transfer("lan", self.internet, "500k")

    def forget_mtus(self):
        for role, _ in HOSTS:
            for family in ("-4", "-6"):
                self.lab.run(role, ["ip", family, "route", "flush", "cache"])

    def test_check_tells_that_packets_of_the_lan_are_not_put_together(self):
        told = r"(?m)^warning: .*receive offload is off on lan0"
        hint = "hint: ethtool -K lan0 gro on"
        self.set_state("all on")
        self.assertNotIn("receive offload", self.tunnel.client.verb("check").stderr)
        self.set_state("all off")
        done = self.tunnel.client.verb("check")
        self.assertRegex(done.stderr, told)
        self.assertIn(hint, done.stderr)
        self.assertEqual(done.stderr.count("receive offload"), 1, "not of uplinks and TUN")
        self.lab.sysctl("client", NO_FORWARDING)
        self.addCleanup(self.lab.sysctl, "client", FORWARDING_SYSCTLS)
        self.assertNotIn("receive offload", self.tunnel.client.verb("check").stderr)

    @unittest.skipIf("BRAID_SANITIZED" in os.environ, "a sanitizer must be loaded first")
    def test_a_kernel_that_takes_no_udp_super_packets_gets_datagrams(self):
        library = binaries() / "tests" / "lab" / "libtun_without_uso.so"
        self.set_state("LAN egress off")  # super-packets reach both daemons
        for program in (self.tunnel.server, self.tunnel.client):
            with self.subTest(program.name):
                restart = [program.path, "restart", "--config", program.config]
                self.lab.run(program.role, ["env", f"LD_PRELOAD={library}", *restart])
                try:
                    self.tunnel.client.wait_active("wifi", "lte")
                    self.send_super_packets_to(program.role)
                finally:
                    self.lab.run(program.role, restart)
                    self.tunnel.client.wait_active("wifi", "lte")

    def send_super_packets_to(self, role):
        features = self.lab.run(role, ["ethtool", "-k", "braid0"]).stdout
        self.assertIn("tx-udp-segmentation: off", features)

        def send():
            self.converse("lan", "internet", self.internet, 5002, [SUPER_PACKET] * 20)
            self.converse("client", "server", self.inner, 5003, [SUPER_PACKET] * 20)

        seen = self.sniffed(f"without USO at the {role}", send)
        cut_for = {"server": "internet", "client": "lan"}[role]
        self.assertGreaterEqual(seen[cut_for]["udp"], 2 * 20 * 21)


if __name__ == "__main__":
    unittest.main(verbosity=2)
