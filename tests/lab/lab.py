#!/usr/bin/python3
"""A small Internet in network namespaces: a client with several uplinks, a server, and a host
that both can reach.

    lan            client                  routers (NAT for IPv4)        core        hosts
   +------+ eth0  +-----------+  linkem   +------------------------+   +------+
   | lan  |-------| lan0  wifi|===========|r-wifi   r-wifi      wan|---|r-wifi|
   +------+       |           |           +------------------------+   |      |     eth0 +--------+
                  |       lte |===========|r-lte    r-lte       wan|---|r-lte |----------| server |
                  +-----------+           +------------------------+   |      |          +--------+
                  +-----------+                                        |      |     eth0 +--------+
                  | client2   |===========|r2-...   r2-...      wan|---|      |----------|internet|
                  +-----------+           +------------------------+   +------+          +--------+

  i is the number of the uplink: 1, 2, ... of `client`, 11, 12, ... of `client2`.

  namespace    device      IPv4                 IPv6                  default route
  client       wifi, ...   10.71.i.2/24         fd71:0:0:i::2/64      via .1 / ::1, metric 100 * n
               lan0        10.90.0.1/24         fd71:90::1/64
  r-wifi, ...  r-wifi      10.71.i.1/24         fd71:0:0:i::1/64
               wan         198.51.100.(4i+2)/30 fd71:1:0:i::2/64      via core
  core         r-wifi, ... 198.51.100.(4i+1)/30 fd71:1:0:i::1/64      none: knows no private IPv4
               server      203.0.113.1/24       fd71:100::1/64
               internet    192.0.2.1/24         fd71:200::1/64
  server       eth0        203.0.113.10/24      fd71:100::10/64       via core
  internet     eth0        192.0.2.80/24        fd71:200::80/64       via core
  lan          eth0        10.90.0.2/24         fd71:90::2/64         via client

`internet` sees a client that comes without the tunnel as 198.51.100.(4i+2) or fd71:0:0:i::2, and
through the tunnel and the server's NAT as the server. `server` does not forward until something
turns that on. With a LAN, the client forwards it and masquerades its IPv4 on the uplinks, as a home
gateway does. The neighbours on the emulated links are permanent: a blackhole is then a path that
fails behind the first hop, not a router that vanished.

    with Lab(uplinks=("wifi", "lte")) as lab:
        lab.run("client", ["ping", "-c1", lab.server4])
        lab.blackhole("wifi")

    lab.py up [--uplinks wifi,lte]    builds it, says how to enter it, stays until Ctrl-C
    lab.py cleanup                    removes what killed runs left behind
"""

import argparse
import atexit
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from linkem_control import LinkEmulator, find_linkem
from netns import (LabError, Run, command, exec_argv, ip_batch, remove_dead_runs, signal_group,
                   stop_group)
from topology import (FORWARDING_SYSCTLS, HOST_SYSCTLS, MAX_UPLINKS, PROFILES, Link, Uplink,
                      host_commands, masquerade, with_queue)

TRAFFIC = Path(__file__).resolve().with_name("traffic.py")

class Lab:
    """The topology above, as a context manager. LabError when it cannot be built."""

    server4, server6 = "203.0.113.10", "fd71:100::10"
    internet4, internet6 = "192.0.2.80", "fd71:200::80"
    lan4, lan6 = "10.90.0.2", "fd71:90::2"

    def __init__(self, uplinks=("wifi", "lte"), client2=(), lan=False, linkem=None, seed=1):
        """`uplinks` and `client2` (none: no second client) are lists of 'wifi', 'name=profile' or
        Uplink. `seed` makes losses and jitter repeatable. `linkem` is the emulator's path."""
        self.links = {}
        for client, prefix, offset, specs in (
            ("client", "r-", 1, uplinks),
            ("client2", "r2-", 11, client2),
        ):
            if len(specs) > MAX_UPLINKS:
                raise LabError(f"{client}: {len(specs)} uplinks, at most {MAX_UPLINKS}")
            for i, spec in enumerate(specs):
                link = Link(Uplink.parse(spec), client, prefix, offset + i, i + 1)
                if link.name in self.links:
                    raise LabError(f"uplink named twice: {link.name}")
                self.links[link.name] = link
        self.with_lan = lan
        self.roles = ["client", *(["client2"] if client2 else []), *(["lan"] if lan else []),
                      *(link.router for link in self.links.values()),
                      "core", "server", "internet"]
        self._linkem = linkem
        self._seed = seed
        self._run = None
        self._children = []
        self._log_numbers = itertools.count(1)
        self._handlers = {}

    # Life

    def __enter__(self):
        return self.open()

    def __exit__(self, *_):
        self.close()

    def open(self):
        """Builds the topology; removes it again when that fails half-way."""
        if os.geteuid() != 0:
            raise LabError("the lab needs root: it makes network namespaces")
        self._catch_signals()
        try:
            # A signal between making the directory and noting it would leave it behind.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK,
                                          {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            try:
                self._run = Run()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            atexit.register(self.close)
            self._make_namespaces()
            self._make_links()
            self._configure()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        """Ends every process of the lab and removes its namespaces. May be called again."""
        if self._run is None:
            self._restore_signals()
            return
        self._shield_from_signals()
        run, self._run = self._run, None
        for child in self._children:
            if child.poll() is None:
                signal_group(child, signal.SIGTERM)
        for child in self._children:
            try:
                stop_group(child)
            except subprocess.TimeoutExpired:
                print(f"lab: process {child.pid} cannot be killed", file=sys.stderr)
        for link in self.links.values():
            if link.emulator:
                link.emulator.close()
                link.emulator = None
        run.remove()
        atexit.unregister(self.close)
        self._restore_signals()

    def _catch_signals(self):
        """Lets SIGTERM and SIGHUP unwind the stack, as SIGINT does, so that close() is reached."""
        if threading.current_thread() is not threading.main_thread():
            return

        def leave(number, _frame):
            raise SystemExit(128 + number)

        self._handlers = {number: signal.signal(number, leave)
                          for number in (signal.SIGTERM, signal.SIGHUP)}
        self._handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)

    def _shield_from_signals(self):
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)

    def _restore_signals(self):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    # Building

    def _make_namespaces(self):
        ip_batch([f"netns add {self.ns(role)}" for role in self.roles])
        routers = {"core", *(link.router for link in self.links.values())}
        if self.with_lan:
            routers.add("client")
        for role in self.roles:
            sysctls = {**HOST_SYSCTLS, **(FORWARDING_SYSCTLS if role in routers else {})}
            self.sysctl(role, sysctls)
            ip_batch(["link set dev lo up"], self.ns(role))

    def _make_links(self):
        linkem = find_linkem(self._linkem)

        def veth(role, device, peer_role, peer):
            return (f"link add {device} netns {self.ns(role)} type veth "
                    f"peer name {peer} netns {self.ns(peer_role)}")

        cables = [veth(host, "eth0", "core", host) for host in ("server", "internet")]
        cables += [veth(link.router, "wan", "core", link.router) for link in self.links.values()]
        if self.with_lan:
            cables.append(veth("lan", "eth0", "client", "lan0"))
        ip_batch(cables)
        for number, link in enumerate(self.links.values()):
            link.emulator = LinkEmulator(
                linkem,
                a=(self.ns(link.client), link.device),
                b=(self.ns(link.router), link.router),
                control=self._run.directory / f"{link.name}.sock",
                up=with_queue(link.wanted["up"]),
                down=with_queue(link.wanted["down"]),
                seed=self._seed + 2 * number,  # each direction has a seed of its own
            )

    def _configure(self):
        core = ["link set dev server up", "link set dev internet up",
                "addr add 203.0.113.1/24 dev server", "addr add fd71:100::1/64 dev server nodad",
                "addr add 192.0.2.1/24 dev internet", "addr add fd71:200::1/64 dev internet nodad"]
        for link in self.links.values():
            core += link.core_commands()
        ip_batch(core, self.ns("core"))
        ip_batch(host_commands(self.server4, "203.0.113.1", self.server6, "fd71:100::1"),
                 self.ns("server"))
        ip_batch(host_commands(self.internet4, "192.0.2.1", self.internet6, "fd71:200::1"),
                 self.ns("internet"))
        for link in self.links.values():
            ip_batch(link.router_commands(), self.ns(link.router))
            self._nft(link.router, masquerade(["wan"]))
            ip_batch([f"link set dev {link.device} address {link.mac[2]}",
                      *link.client_commands()], self.ns(link.client))
        if self.with_lan:
            self._configure_lan()

    def _configure_lan(self):
        ip_batch(["link set dev lan0 up", "addr add 10.90.0.1/24 dev lan0",
                  "addr add fd71:90::1/64 dev lan0 nodad"], self.ns("client"))
        ip_batch(host_commands(self.lan4, "10.90.0.1", self.lan6, "fd71:90::1"), self.ns("lan"))
        uplinks = [link.device for link in self.links.values() if link.client == "client"]
        self._nft("client", masquerade(uplinks))

    def _nft(self, role, rules):
        command(exec_argv(self.ns(role), ["nft", "-f", "-"]), input=rules)

    # Facts

    @property
    def directory(self):
        """Where the run keeps logs and sockets; removed at its end."""
        return self._run.directory

    def ns(self, role):
        """The namespace of a role: 'client', 'r-wifi', 'core', 'server', ..."""
        if role not in self.roles:
            raise LabError(f"no namespace {role}; there are: {', '.join(self.roles)}")
        return self._run.namespace(role)

    @property
    def addresses(self):
        """{'server': {'v4', 'v6'}, 'internet': ..., 'lan': ..., '<uplink>': {'client', 'device',
        'v4', 'v6', 'gateway4', 'gateway6', 'public4'}}; public4 is what NAT makes of the client."""
        found = {
            "server": {"v4": self.server4, "v6": self.server6},
            "internet": {"v4": self.internet4, "v6": self.internet6},
        }
        if self.with_lan:
            found["lan"] = {"v4": self.lan4, "v6": self.lan6}
        for name, link in self.links.items():
            found[name] = {"client": link.client, "device": link.device, "v4": link.address4,
                           "v6": link.address6, "gateway4": link.gateway4,
                           "gateway6": link.gateway6, "public4": link.public4}
        return found

    # Programs

    def run(self, role, argv, timeout=30.0, check=True, input=None, **options):
        """Runs a program in a namespace to its end; yields a CompletedProcess with texts.

        LabError when it fails (unless check=False) or takes longer than `timeout` seconds; it is
        killed then, with its children."""
        child = self.popen(role, argv, stdin=subprocess.PIPE if input is not None else None,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        what = f"{role}: {shlex.join(map(str, argv))}"
        try:
            out, err = child.communicate(input, timeout)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{what}: still running after {timeout} s") from error
        finally:
            signal_group(child, signal.SIGKILL)
            child.wait()
            self._children.remove(child)
        if check and child.returncode != 0:
            raise LabError(f"{what}: exit {child.returncode}: {(err or out).strip()}")
        return subprocess.CompletedProcess(argv, child.returncode, out, err)

    def popen(self, role, argv, **options):
        """Starts a program in a namespace and yields its Popen; it ends with the lab.

        Without stdout in `options` its output goes to the file `.log_path` of the result."""
        log_path = None
        if "stdout" not in options:
            name = Path(str(argv[0])).name
            log_path = self.directory / f"{next(self._log_numbers)}-{role}-{name}.log"
            with open(log_path, "wb") as log:
                options["stdout"] = log
                options.setdefault("stderr", subprocess.STDOUT)
                return self._spawn(role, argv, log_path, options)
        return self._spawn(role, argv, log_path, options)

    def _spawn(self, role, argv, log_path, options):
        if options.get("stdin") is None:
            options["stdin"] = subprocess.DEVNULL
        child = subprocess.Popen(exec_argv(self.ns(role), argv), start_new_session=True, **options)
        child.log_path = log_path
        self._children.append(child)
        return child

    def stop(self, child, grace_s=5.0):
        """Ends a program that popen() started; yields its exit status."""
        stop_group(child, grace_s)
        if child in self._children:
            self._children.remove(child)
        return child.returncode

    def traffic(self, role, *words, timeout=60.0):
        """Runs traffic.py in a namespace; yields the dictionary that it reports, which has an
        `error` when the transfer failed."""
        argv = [sys.executable, TRAFFIC, *words]
        done = self.run(role, argv, timeout=timeout, check=False)
        lines = done.stdout.strip().splitlines()
        if not lines:
            raise LabError(f"{role}: traffic {words}: {done.stderr.strip()}")
        return json.loads(lines[-1])

    def traffic_server(self, role, *words, timeout=10.0):
        """Starts a server of traffic.py and yields its Popen once it listens."""
        child = self.popen(role, [sys.executable, TRAFFIC, *words])

        def settled():
            return b"listening" in child.log_path.read_bytes() or child.poll() is not None

        self.wait_for(settled, timeout, f"{role}: traffic {words} listening")
        if child.poll() is not None:
            raise LabError(f"{role}: traffic {words}: {child.log_path.read_text().strip()}")
        return child

    @staticmethod
    def wait_for(condition, timeout=10.0, what="condition", interval=0.02):
        """Waits until condition() is true and yields its value; LabError after `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise LabError(f"timed out after {timeout} s: {what}")
            time.sleep(interval)

    def sysctl(self, role, values):
        """Sets sysctls of a namespace; those that this kernel does not have are left out."""
        words = [f"{key}={value}" for key, value in values.items()]
        command(exec_argv(self.ns(role), ["sysctl", "-q", "-e", "-w", *words]))

    # Faults. A link's name is its device's, with `client2.` in front for the second client.

    def link(self, name):
        if name not in self.links:
            raise LabError(f"no link {name}; there are: {', '.join(self.links)}")
        return self.links[name]

    def set_link(self, name, direction="both", **settings):
        """Changes 'up', 'down' or 'both' of a link, e.g. rate='5M', delay='80ms', loss='2%'.

        A new rate brings the default queue for it, unless the link was given a queue."""
        link = self.link(name)
        directions = ("up", "down") if direction == "both" else (direction,)
        for one in directions:
            if one not in link.wanted:
                raise LabError(f"direction: up, down or both, not {one}")
            wanted = {**link.wanted[one], **settings}
            change = dict(settings)
            if "rate" in change and "queue" in with_queue(wanted):
                change["queue"] = with_queue(wanted)["queue"]
            link.emulator.set(one, **change)
            link.wanted[one] = wanted

    def blackhole(self, name, up=True, down=True):
        """Drops all packets of the directions that are True silently; carries the others'."""
        self.link(name).emulator.set("up", blackhole=up)
        self.link(name).emulator.set("down", blackhole=down)

    def heal(self, name):
        """Ends a blackhole, and plugs the cable."""
        self.blackhole(name, up=False, down=False)
        self.carrier(name, True)

    def carrier(self, name, up):
        """Pulls (False) or plugs the cable of the client's device."""
        self.link(name).emulator.carrier("a", up)

    def link_down(self, name):
        """Sets the client's device down; the kernel flushes routes and IPv6 addresses."""
        link = self.link(name)
        ip_batch([f"link set dev {link.device} down"], self.ns(link.client))

    def link_up(self, name):
        """Sets the client's device up and restores addresses and routes, as DHCP would."""
        link = self.link(name)
        ip_batch(link.client_commands(), self.ns(link.client))

    def link_stats(self, name):
        """Settings and counters of both directions: {'up': {...}, 'down': {...}}."""
        return self.link(name).emulator.show()


def describe(lab):
    lines = ["The lab is up. Namespaces and how to enter them:"]
    lines += [f"  ip netns exec {lab.ns(role)} bash" for role in lab.roles]
    lines += ["Addresses:"]
    for name, facts in lab.addresses.items():
        lines.append(f"  {name:10} " + " ".join(f"{key}={value}" for key, value in facts.items()))
    lines += ["Links, to change them while they run (see linkem --help):"]
    for name, link in lab.links.items():
        lines.append(f"  {name:10} echo 'set down rate=5M' | nc -UN {link.emulator.control_path}")
    return "\n".join(lines)


def split_names(text):
    return tuple(name for name in text.split(",") if name)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="build the lab and stay until Ctrl-C")
    up.add_argument("--uplinks", type=split_names, default=("wifi", "lte"),
                    help="NAME=PROFILE with commas, or the name of a profile; profiles: "
                         + ", ".join(PROFILES))
    up.add_argument("--client2", type=split_names, default=(), help="uplinks of a second client")
    up.add_argument("--lan", action="store_true", help="a LAN behind the client")
    up.add_argument("--linkem", help="path of the link emulator")
    commands.add_parser("cleanup", help="remove what killed runs left behind")
    options = parser.parse_args()
    try:
        if options.command == "cleanup":
            print("removed:", " ".join(remove_dead_runs()) or "nothing")
            return 0
        with Lab(options.uplinks, options.client2, options.lan, options.linkem) as lab:
            print(describe(lab), flush=True)
            print("Ctrl-C removes it.", flush=True)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
