#!/usr/bin/python3
"""The daemons give up what they do not need, and all works without it: as root and as a user."""

import os
import pwd
import shutil
import signal
import socket
import tempfile
import time
import unittest
from pathlib import Path

from test_lifecycle import HOST_VIEWS
from tunnel import SERVER_INNER4, SERVER_INNER6, Tunnel, plain_uplinks

CONFIG, NOT_PERMITTED = 4, 5
NET_ADMIN_ONLY, NOTHING = 1 << 12, 0  # CAP_NET_ADMIN (linux/capability.h)
FILTERED = 2                          # Seccomp: SECCOMP_MODE_FILTER (proc(5))
WHOLE = "BRAID_SANITIZED" not in os.environ  # else without filter and dumpable
SERVER_NAME = "server.example"
# The namespace's own /etc/hosts: `ip netns exec` has given the shell mounts of its own.
WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


def kernel_view(task):
    """What /proc/PID/status and the like tell of a process or a thread."""
    lines = (Path(task) / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Privileges:
    """What must hold for either user; its folders are below /run, where a user may pass."""

    user = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="braid-privileges-", dir="/run"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.tunnel = Tunnel()
        self.tunnel.__enter__()
        self.addCleanup(self.tunnel.__exit__)
        self.lab, self.client, self.server = (self.tunnel.lab, self.tunnel.client,
                                              self.tunnel.server)
        for program in (self.client, self.server):
            program.settings["user"] = self.user
            program.socket = self.folder / program.role / "control.sock"  # it makes the folder
            program.log = program.socket.with_suffix(".log")
        self.client.settings["state_dir"] = str(self.folder / "state")
        self.write_configs()

    def write_configs(self):
        self.server.write_config()
        self.client.write_config(plain_uplinks("wifi", "lte"))

    def assert_traffic_flows(self):
        for host in (self.lab.internet4, self.lab.internet6, SERVER_INNER4, SERVER_INNER6):
            report = self.lab.traffic("client", "ping", host, "--count", "5", "--interval", "20ms")
            self.assertEqual(report["received"], 5, f"{host}: {report}")
        for host in (self.lab.internet4, self.lab.internet6):
            for way in ("download", "upload"):
                report = self.lab.traffic("client", way, host, "5001", "2M")
                self.assertTrue(report["sha256_ok"], f"{way} {host}: {report}")
            report = self.lab.traffic("client", "udp-stream", host, "5002", "--size", "4000",
                                      "--interval", "10ms", "--seconds", "0.5")
            self.assertGreaterEqual(report["received"], report["sent"] - 1, report)

    def start_traffic_servers(self):
        self.lab.traffic_server("internet", "tcp-server", "5001")
        self.lab.traffic_server("internet", "udp-echo-server", "5002")

    def assert_confined(self, program):
        pid = program.pid()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        for task in tasks:
            view = kernel_view(task)
            for name, wanted in (("CapEff", NET_ADMIN_ONLY), ("CapPrm", NET_ADMIN_ONLY),
                                 ("CapBnd", NOTHING), ("CapInh", NOTHING), ("CapAmb", NOTHING)):
                self.assertEqual(int(view[name], 16), wanted, f"{program.name}: {name}")
            self.assertEqual(view["NoNewPrivs"], "1")
            self.assertEqual(int(view["Seccomp"]), FILTERED if WHOLE else 0)
            entry = pwd.getpwnam(self.user)
            self.assertEqual(view["Uid"].split(), [str(entry.pw_uid)] * 4)
            self.assertEqual(view["Gid"].split(), [str(entry.pw_gid)] * 4)
            if entry.pw_uid != 0:
                self.assertEqual(view["Groups"], "")
        if WHOLE:
            # What is not dumpable belongs to root (proc(5)).
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
            limits = Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ")
        return tasks

    def test_status_and_the_kernel_show_what_is_left(self):
        self.tunnel.start()
        for program in (self.client, self.server):
            self.assertEqual(program.status()["privileges"],
                             {"user": self.user, "capabilities": ["cap_net_admin"],
                              "no_new_privs": True, "seccomp": WHOLE, "core_dumps": not WHOLE})
            seccomp = "seccomp" if WHOLE else "no seccomp"
            self.assertIn(f"user {self.user}, cap_net_admin, no_new_privs, {seccomp}\n",
                          program.verb("status").stdout)
            self.assert_confined(program)

    def test_traffic_flows_while_uplinks_and_the_server_go_and_come(self):
        self.start_traffic_servers()
        self.tunnel.start()
        self.assert_traffic_flows()
        self.lab.link_down("wifi")
        self.assert_traffic_flows()
        self.lab.link_up("wifi")
        self.client.wait_active("wifi", "lte")
        self.server.verb("restart")
        self.client.wait_active("wifi", "lte")
        self.assert_traffic_flows()

    def test_a_name_is_resolved_on_a_thread_that_is_confined_too(self):
        hosts = self.folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{self.lab.server4} {SERVER_NAME}\n"
                         f"{self.lab.server6} {SERVER_NAME}\n")
        self.client.endpoint = f"{SERVER_NAME}:8684"
        self.write_configs()
        self.server.start()
        self.lab.run("client", ["sh", "-c", WITH_HOSTS, hosts, self.client.path, "start",
                                "--config", self.client.config])
        self.client.wait_active("wifi", "lte")
        self.assertGreater(len(self.assert_confined(self.client)), 1, "threads")

    def test_a_low_port_is_listened_on_and_no_capability_is_left_for_it(self):
        self.server.settings["listen"] = "[::]:443"
        self.client.endpoint = f"{self.lab.server4}:443"
        self.write_configs()
        self.tunnel.start()
        self.assert_confined(self.server)

    def host_views(self):
        return {(role, " ".join(view)): self.lab.run(role, view).stdout.splitlines()
                for role in ("client", "server") for view in HOST_VIEWS}

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for role in ("client", "server")
                      for path in (self.folder / role).iterdir())

    def test_stop_puts_everything_back_also_after_kill_9(self):
        strict = "net.ipv4.conf.wifi.rp_filter"  # the client makes it loose: 2
        self.lab.sysctl("client", {"net.ipv4.conf.all.rp_filter": "1", strict: "1"})
        before = self.host_views()
        self.tunnel.start()
        self.assertEqual(self.lab.run("client", ["sysctl", "-n", strict]).stdout, "2\n")
        for program in (self.client, self.server):
            os.kill(program.pid(), signal.SIGKILL)
        time.sleep(0.2)
        self.tunnel.start()
        self.assertIn("put back what a dead daemon had left", self.client.log.read_text())
        for program in (self.client, self.server):
            self.assertEqual(program.stop().stdout, "stopped\n")
        self.assertEqual(self.host_views(), before)
        self.assertEqual(self.files(), ["client/control.log", "client/control.sock.lock",
                                        "server/control.log", "server/control.sock.lock"])
        kept = (self.folder / "state" / "data_usage.json").stat()
        self.assertEqual(kept.st_uid, pwd.getpwnam(self.user).pw_uid)

        self.tunnel.start()
        for program in (self.client, self.server):
            os.kill(program.pid(), signal.SIGKILL)
        time.sleep(0.2)
        for program in (self.client, self.server):
            program.stop()
        self.assertEqual(self.host_views(), before)

    def test_a_service_manager_is_told(self):
        told = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(told))
            told.chmod(0o777)  # as systemd's
            manager.settimeout(10)
            child = self.lab.popen("server", ["env", f"NOTIFY_SOCKET={told}", self.server.path,
                                              "run", "--config", self.server.config])
            self.assertIn(b"READY=1", manager.recv(4096))
            self.assert_confined(self.server)
            child.send_signal(signal.SIGTERM)
            self.assertEqual(manager.recv(4096), b"STOPPING=1")
            self.assertEqual(child.wait(timeout=10), 0)


class AsRoot(Privileges, unittest.TestCase):
    user = "root"


class AsUser(Privileges, unittest.TestCase):
    user = "nobody"

    def test_daemons_of_root_and_of_a_user_take_turns(self):
        for user in ("nobody", "root", "nobody"):
            self.server.settings["user"] = user
            self.server.write_config()
            self.server.start()
            self.assertEqual(self.server.status()["privileges"]["user"], user)
            os.kill(self.server.pid(), signal.SIGKILL)
            time.sleep(0.2)
        self.server.start()
        self.server.stop()

    def test_a_folder_that_the_user_cannot_write_is_an_error(self):
        self.server.socket = self.lab.directory / "control.sock"
        self.server.write_config()
        done = self.server.start(check=False)
        self.assertEqual(done.returncode, NOT_PERMITTED, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^error: access of user nobody to /")
        self.assertRegex(done.stderr, r"(?m)^hint: install -d ")

    def test_a_user_that_the_host_does_not_have_is_a_config_error(self):
        self.client.settings["user"] = "no-such-user"
        self.write_configs()
        done = self.client.start(check=False)
        self.assertEqual(done.returncode, CONFIG, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^error: user: .*no-such-user")
        self.assertRegex(done.stderr, r"(?m)^hint: useradd --system ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
