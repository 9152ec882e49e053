#!/usr/bin/python3
"""Who may come in, as what, and who may not."""

import sys
import unittest

from tunnel import Client, Tunnel, plain_uplinks

REFUSED = 6
SEND_FROM = """
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((sys.argv[1], 0))
for _ in range(3): sender.sendto(b"not mine", (sys.argv[2], 9))
"""


class Peers(unittest.TestCase):
    def open(self, **options):
        tunnel = Tunnel(**options)
        tunnel.__enter__()
        self.addCleanup(tunnel.__exit__)
        return tunnel

    def test_two_clients_at_once_reach_the_internet_and_each_other(self):
        tunnel = self.open(client2=("wifi2=wifi",))
        second = Client(tunnel.lab, tunnel.server, number=3, role="client2")
        self.addCleanup(second.verb, "stop", check=False)
        second.write_config(plain_uplinks("wifi2"))
        tunnel.server.write_config()
        tunnel.start()
        second.start()
        tunnel.lab.traffic_server("internet", "tcp-server", "5001")
        for role in ("client", "client2"):
            report = tunnel.lab.traffic(role, "download", tunnel.lab.internet4, "5001", "3M")
            self.assertTrue(report["sha256_ok"], f"{role}: {report}")
        for host in (second.inner4, second.inner6):
            report = tunnel.lab.traffic("client", "ping", host, "--count", "5")
            self.assertEqual(report["received"], 5, host)
        states = {p["name"]: p["state"] for p in tunnel.server.status()["peers"]}
        self.assertEqual(set(states.values()), {"up"}, states)
        second.stop()

    def test_a_client_that_the_server_does_not_know_is_refused(self):
        tunnel = self.open()
        tunnel.server.peers.clear()
        tunnel.server.write_config()
        tunnel.server.start()
        done = tunnel.client.start(check=False)
        self.assertEqual(done.returncode, REFUSED, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^error: .*refused")
        self.assertRegex(done.stderr, r"(?m)^hint: ")
        self.assertIn("refused", tunnel.server.log.read_text())

    def test_a_server_that_holds_another_key_is_refused(self):
        tunnel = self.open()
        tunnel.server.start()
        other = tunnel.server.call("keygen", "--out", tunnel.server.folder / "other.key")
        tunnel.server.public_key = other.stdout.strip()
        tunnel.client.write_config(plain_uplinks("wifi", "lte"))
        done = tunnel.client.start(check=False)
        self.assertEqual(done.returncode, REFUSED, done.stderr)

    def test_a_wrong_preshared_key_is_refused(self):
        tunnel = self.open()
        for program in (tunnel.client, tunnel.server):
            program.call("keygen", "--out", program.folder / "psk.key")  # differs at each end
        tunnel.client.settings["identity"] = {"private_key_file": tunnel.client.key.name,
                                              "preshared_key_file": "psk.key"}
        tunnel.client.write_config(plain_uplinks("wifi", "lte"))
        tunnel.server.peers[0]["preshared_key_file"] = "psk.key"
        tunnel.server.write_config()
        tunnel.server.start()
        done = tunnel.client.start(check=False)
        self.assertEqual(done.returncode, REFUSED, done.stderr)

    def test_the_same_preshared_key_lets_in(self):
        tunnel = self.open()
        tunnel.client.call("keygen", "--out", tunnel.client.folder / "psk.key")
        copy = tunnel.server.folder / "psk.key"
        copy.touch(mode=0o600)
        copy.write_text((tunnel.client.folder / "psk.key").read_text())
        tunnel.client.settings["identity"] = {"private_key_file": tunnel.client.key.name,
                                              "preshared_key_file": "psk.key"}
        tunnel.client.write_config(plain_uplinks("wifi", "lte"))
        tunnel.server.peers[0]["preshared_key_file"] = "psk.key"
        tunnel.server.write_config()
        tunnel.start()

    def test_packets_from_an_address_that_is_not_the_peers_are_dropped(self):
        tunnel = self.open()
        tunnel.start()
        foreign = "10.86.0.99"
        tunnel.lab.run("client", ["ip", "addr", "add", f"{foreign}/32", "dev", "braid0"])
        tunnel.lab.run("client", [sys.executable, "-c", SEND_FROM, foreign, tunnel.lab.internet4])
        tunnel.lab.wait_for(lambda: tunnel.server.status()["peers"][0]["spoofed_packets"] >= 3,
                            5, "three foreign packets counted")


if __name__ == "__main__":
    unittest.main(verbosity=2)
