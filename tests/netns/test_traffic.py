#!/usr/bin/python3
"""Every kind of traffic goes through the tunnel, over IPv4 and over IPv6 outside."""

import unittest

from tunnel import SERVER_INNER4, SERVER_INNER6, Tunnel, endpoint6

MEGABYTE = 10**6


class EveryKindOfTraffic(unittest.TestCase):
    """Inner IPv4 and IPv6; the subclasses choose the family outside."""

    endpoint = None

    @classmethod
    def setUpClass(cls):
        cls.tunnel = Tunnel(endpoint=cls.endpoint)
        cls.tunnel.__enter__()
        cls.addClassCleanup(cls.tunnel.__exit__)
        cls.tunnel.start()
        cls.lab = cls.tunnel.lab
        cls.lab.traffic_server("internet", "tcp-server", "5001")
        cls.lab.traffic_server("internet", "udp-echo-server", "5002")
        cls.hosts = (cls.lab.internet4, cls.lab.internet6)

    def test_ping_answers_from_the_internet_and_from_the_server(self):
        for host in (*self.hosts, SERVER_INNER4, SERVER_INNER6):
            report = self.lab.traffic("client", "ping", host, "--count", "10", "--interval", "20ms")
            self.assertEqual(report["received"], 10, f"{host}: {report}")

    def test_tcp_carries_whole_files_both_ways(self):
        for host in self.hosts:
            for way in ("download", "upload"):
                report = self.lab.traffic("client", way, host, "5001", "5M")
                self.assertTrue(report["sha256_ok"], f"{way} {host}: {report}")

    def test_udp_of_every_size_up_to_fragments_comes_back(self):
        for host in self.hosts:
            for size in ("20", "1400", "4000"):
                report = self.lab.traffic("client", "udp-stream", host, "5002", "--size", size,
                                          "--interval", "10ms", "--seconds", "1")
                self.assertGreaterEqual(report["received"], report["sent"] - 1, f"{report}")
                self.assertEqual(report["reordered"], 0)
                self.assertEqual(report["duplicates"], 0)

    def test_the_internet_sees_the_server_not_the_uplinks(self):
        before = self.lab.link_stats("wifi")["up"]["bytes"]
        self.lab.traffic("client", "upload", self.lab.internet4, "5001", "2M")
        carried = sum(self.lab.link_stats(name)["up"]["bytes"] for name in ("wifi", "lte"))
        self.assertGreater(carried - before, 2 * MEGABYTE)
        route = self.lab.run("client", ["ip", "route", "get", self.lab.internet4]).stdout
        self.assertIn("dev braid0", route)

    def test_uplink_subnets_stay_direct(self):
        gateway = self.lab.addresses["wifi"]["gateway4"]
        route = self.lab.run("client", ["ip", "route", "get", gateway]).stdout
        self.assertIn("dev wifi", route)

    def test_status_names_every_uplink_and_subflow(self):
        status = self.tunnel.client.status()
        self.assertEqual(status["schema"], 1)
        self.assertEqual(status["state"], "up")
        self.assertTrue(status["mptcp"])
        self.assertEqual([u["interface"] for u in status["uplinks"]], ["wifi", "lte"])
        self.assertEqual({s["uplink"] for s in status["lanes"][0]["subflows"]}, {"wifi", "lte"})
        peer = self.tunnel.server.status()["peers"][0]
        self.assertEqual(peer["state"], "up")
        self.assertEqual(len(peer["endpoints"]), 2)

    def test_status_names_the_cipher_and_the_library_that_runs_it(self):
        client, server = self.tunnel.client.status(), self.tunnel.server.status()
        self.assertEqual(server["peers"][0]["cipher"], client["cipher"])
        for status in (client, server):
            self.assertRegex(status["crypto"][client["cipher"]], r"^lib(sodium|crypto) \d+\.\d+")


class OverIPv6(EveryKindOfTraffic):
    endpoint = staticmethod(endpoint6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
