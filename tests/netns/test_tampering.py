#!/usr/bin/python3
"""Somebody on the path changes what passes: a handshake comes to nothing, and of a tunnel that
stands a lane ends, the session goes on, and no inner connection notices."""

import sys
import unittest

from measure import LogTail
from tunnel import ROOT, Tunnel

TAMPER = ROOT / "tests" / "lab" / "tamper.py"
PORT = 8999
REFUSED, TIMED_OUT = 6, 8
SERVER_HELLO = 69      # bytes; behind it comes the record with the tunnel config
BYTES = 16_000_000
CHANGE_AT = 3_000_000  # of each connection


class Tampering(unittest.TestCase):
    """The client knows only the address of somebody in between, who relays to the server."""

    def setUp(self):
        self.tunnel = Tunnel(endpoint=lambda lab: f"{lab.internet4}:{PORT}")
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client, self.server = (self.tunnel.lab, self.tunnel.client,
                                              self.tunnel.server)
        self.server.start()
        self.lab.traffic_server("internet", "tcp-server", "5001")

    def relay(self, at, towards):
        tamper = self.lab.popen("internet", [
            sys.executable, TAMPER, str(PORT), self.lab.server4, "8684",
            "--at", str(at), "--towards", towards])
        self.lab.wait_for(lambda: b"listening" in tamper.log_path.read_bytes(), 5, "relay")
        return tamper

    def changes(self, tamper):
        return tamper.log_path.read_text().count("changed")

    def test_a_handshake_with_a_changed_bit_is_refused(self):
        for towards, at in (("server", 10), ("server", 100), ("client", 10), ("client", 60)):
            with self.subTest(towards=towards, byte=at):
                tamper = self.relay(at, towards)
                started = self.client.start("--timeout", "10", check=False)
                self.assertEqual(started.returncode, REFUSED, started.stderr)
                self.assertIn("hint:", started.stderr)
                self.assertGreater(self.changes(tamper), 0)
                self.lab.stop(tamper)
        self.assertEqual(self.server.log.read_text().count("session up"), 0)

    def test_a_session_without_its_tunnel_config_is_not_resumed(self):
        tamper = self.relay(SERVER_HELLO + 20, "client")
        started = self.client.start("--timeout", "3", check=False)
        self.assertEqual(started.returncode, TIMED_OUT, started.stderr)
        self.assertGreater(self.changes(tamper), 1)
        log = self.server.log.read_text()
        self.assertGreater(log.count("session up"), 1)
        self.assertNotIn("session resumed", log)

    def transfer_all(self, direction, towards):
        tamper = self.relay(CHANGE_AT, towards)
        self.client.start()
        log = LogTail(self.server.log)
        pids = self.client.pid(), self.server.pid()
        report = self.lab.traffic("client", direction, self.lab.internet4, "5001", str(BYTES))
        changed, resumed = self.changes(tamper), log.text().count("session resumed")
        print(f"{direction}: {changed} bits changed, resumed {resumed} times, "
              f"{report['seconds']:.1f} s", flush=True)
        self.assertTrue(report["sha256_ok"], report)
        self.assertGreaterEqual(changed, 3)
        self.assertGreaterEqual(resumed, 3)
        self.assertNotIn("session up", log.text())
        self.assertEqual((self.client.pid(), self.server.pid()), pids)
        self.client.stop()
        self.lab.stop(tamper)

    def test_a_download_goes_on_through_changed_records(self):
        self.transfer_all("download", "client")

    def test_an_upload_goes_on_through_changed_records(self):
        self.transfer_all("upload", "server")


if __name__ == "__main__":
    unittest.main(verbosity=2)
