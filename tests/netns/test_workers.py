#!/usr/bin/python3
"""Records that several threads seal and open carry everything whole, and status tells of it."""

import os
import time
import unittest
from pathlib import Path

from tunnel import SERVER_INNER4, Client, Server, plain_uplinks

from cable import Cable

WHOLE = "BRAID_SANITIZED" not in os.environ  # else without filter
NET_ADMIN_ONLY = 1 << 12
FILTERED = 2
SETTLES_S = 3.0
# A lane that carries less than 300 Mbit/s has no use for other threads: at so much a Python program
# ends on any machine, but not each time on a loaded one.
TRIES = 10


def views(pid):
    """What /proc tells of each thread of a process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Workers(unittest.TestCase):
    def start(self, **settings):
        self.cable = Cable()
        self.cable.open()
        self.addCleanup(self.cable.close)
        self.server = Server(self.cable, self.cable.directory / "server", **settings)
        self.client = Client(self.cable, self.server, routes=[], **settings)
        self.server.write_config()
        self.client.write_config(plain_uplinks("wan"))
        for program in (self.server, self.client):
            self.addCleanup(program.verb, "stop", check=False)
            program.start()
        self.client.wait_active("wan")
        self.cable.traffic_server("server", "tcp-server", "5001")

    def transfer(self, size):
        for way in ("upload", "download"):
            report = self.cable.traffic("client", way, SERVER_INNER4, "5001", size)
            self.assertTrue(report["sha256_ok"], f"{way}: {report}")

    def workers(self):
        return [program.status()["workers"] for program in (self.client, self.server)]

    def test_three_workers_carry_everything_whole_both_ways(self):
        self.start(workers=3)
        idle = {"configured": 3, "threads": 0, "in_use": False}
        self.assertEqual(self.workers(), [idle, idle])
        self.assertRegex(self.client.verb("status").stdout, r"(?m)^workers +3, not in use$")
        for _ in range(TRIES):
            self.transfer("60M")
            if all(each["threads"] == 2 for each in self.workers()):
                break
        self.assertEqual([each["threads"] for each in self.workers()], [2, 2])
        self.transfer("60M")
        for program in (self.client, self.server):
            self.assert_confined(program)
        time.sleep(SETTLES_S)
        self.assertEqual([each["in_use"] for each in self.workers()], [False, False])

    def assert_confined(self, program):
        threads = list(views(program.pid()))
        names = [view["Name"] for view in threads]
        self.assertEqual(names.count("braid-worker"), 2, names)
        for view in threads:
            self.assertEqual(int(view["CapEff"], 16), NET_ADMIN_ONLY, view["Name"])
            self.assertEqual(int(view["CapPrm"], 16), NET_ADMIN_ONLY, view["Name"])
            self.assertEqual(view["NoNewPrivs"], "1")
            self.assertEqual(int(view["Seccomp"]), FILTERED if WHOLE else 0)

    def test_one_worker_is_the_loop_alone(self):
        self.start(workers=1)
        self.transfer("60M")
        self.assertEqual(self.workers(), 2 * [{"configured": 1, "threads": 0, "in_use": False}])
        self.assertRegex(self.client.verb("status").stdout, r"(?m)^workers +1$")
        self.assertRegex(self.server.verb("status").stdout, r"(?m)^workers +1$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
