#!/usr/bin/python3
"""A connection that had to be plain TCP becomes MPTCP as soon as that is possible, and no inner
connection notices."""

import json
import sys
import unittest

from measure import LogTail
from tunnel import TRAFFIC, Tunnel

UPLINKS = ("wifi", "lte")
UPGRADED_S = 10


class PlainTcp(unittest.TestCase):
    def setUp(self):
        self.tunnel = Tunnel()
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client, self.server = (self.tunnel.lab, self.tunnel.client,
                                              self.tunnel.server)
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.server.start()

    def allow_mptcp(self, value):
        self.lab.run("client", ["sysctl", "-q", f"net.mptcp.enabled={value}"])

    def blackhole_timeout(self):
        return self.lab.run("client", ["sysctl", "-n", "net.mptcp.blackhole_timeout"]).stdout.strip()

    def test_the_kernel_does_not_give_mptcp_up_while_the_client_runs(self):
        before = self.blackhole_timeout()
        self.assertNotEqual(before, "0")
        self.client.start()
        self.assertEqual(self.blackhole_timeout(), "0")
        self.client.stop()
        self.assertEqual(self.blackhole_timeout(), before)

    def test_mptcp_is_found_again_in_the_middle_of_a_stream(self):
        self.allow_mptcp(0)
        self.client.start()
        self.assertFalse(self.client.status()["mptcp"])
        log = LogTail(self.server.log)
        stream = self.lab.popen("client", [sys.executable, TRAFFIC, "tcp-stream",
                                           self.lab.internet4, "5001", "--seconds", "12"])
        self.allow_mptcp(1)
        self.client.wait_active(*UPLINKS, timeout=UPGRADED_S)
        self.assertTrue(self.client.status()["mptcp"])
        stream.wait(20)
        report = json.loads(stream.log_path.read_text().splitlines()[-1])
        print(report, flush=True)
        self.assertNotIn("error", report)
        self.assertIn("session resumed", log.text())
        self.assertNotIn("session up", log.text())
        self.assertNotIn("session waits", log.text(), "there was a lane all the time")


if __name__ == "__main__":
    unittest.main(verbosity=2)
