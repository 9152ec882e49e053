"""braid in a lab: keys, configs, the two daemons, driven by their own command line only."""

import ipaddress
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from lab import TRAFFIC, Lab  # noqa: E402, F401  (found by the path above)

SERVER_INNER4, SERVER_INNER6 = "10.86.0.1", "fd86::1"


def binaries():
    """Where braid-client and braid-server are: BRAID_BUILD, else build/release."""
    return Path(os.environ.get("BRAID_BUILD", ROOT / "build" / "release"))


class Program:
    """One of the daemons in one namespace, with its config file."""

    def __init__(self, lab, role, name, folder):
        self.lab, self.role, self.name, self.folder = lab, role, name, folder
        self.folder.mkdir()
        self.path = binaries() / name.removeprefix("braid-") / name
        self.config = folder / "config.yaml"
        self.socket = folder / "control.sock"
        self.log = folder / "control.log"
        self.key = folder / "private.key"
        self.public_key = self.call("keygen", "--out", self.key).stdout.strip()

    def call(self, *words, timeout=40.0, check=True):
        """Runs a verb; yields a CompletedProcess. LabError when it fails, unless check=False."""
        return self.lab.run(self.role, [self.path, *words], timeout=timeout, check=check)

    def verb(self, verb, *words, **options):
        return self.call(verb, "--config", self.config, *words, **options)

    def start(self, *words, **options):
        return self.verb("start", *words, **options)

    def stop(self):
        return self.verb("stop")

    def status(self):
        return json.loads(self.verb("status", "--json").stdout)

    def pid(self):
        return self.status()["pid"]


class Server(Program):
    """The server's side, with peers that are added before start()."""

    def __init__(self, lab, folder, role="server", **settings):
        super().__init__(lab, role, "braid-server", folder)
        self.peers = []
        self.settings = settings

    def add_peer(self, client, number):
        self.peers.append({"name": client.folder.name, "public_key": client.public_key,
                           "addresses": [f"10.86.0.{number}", f"fd86::{number}"]})

    def write_config(self):
        config = {
            "listen": "[::]:8684",
            "identity": {"private_key_file": self.key.name},
            "tun": {"name": "braid0",
                    "addresses": [f"{SERVER_INNER4}/24", f"{SERVER_INNER6}/64"]},
            "peers": self.peers,
            "nat": True,
            "control": {"socket": str(self.socket)},
            "log": {"level": "debug"},
            **self.settings,
        }
        self.config.write_text(json.dumps(config, indent=1))  # JSON is YAML


class Client(Program):
    """The client's side, in the namespace of that name."""

    def __init__(self, lab, server, number=2, role="client", endpoint=None, **settings):
        super().__init__(lab, role, "braid-client", lab.directory / f"peer-{number}-{role}")
        self.server = server
        self.inner4, self.inner6 = f"10.86.0.{number}", f"fd86::{number}"
        self.endpoint = endpoint or f"{lab.server4}:8684"
        self.settings = settings
        server.add_peer(self, number)

    def write_config(self, uplinks):
        config = {
            "server": {"endpoint": self.endpoint, "public_key": self.server.public_key},
            "identity": {"private_key_file": self.key.name},
            "tun": {"name": "braid0"},
            "uplinks": uplinks,
            "state_dir": str(self.folder / "state"),
            "control": {"socket": str(self.socket)},
            "log": {"level": "debug"},
            **self.settings,
        }
        self.config.write_text(json.dumps(config, indent=1))

    def uplink(self, interface):
        """The status of one uplink."""
        return next(u for u in self.status()["uplinks"] if u["interface"] == interface)

    def wait_active(self, *interfaces, timeout=10.0):
        """Until each of these uplinks carries a living subflow."""
        def all_active():
            return all(self.uplink(i)["state"] in ("active", "standby") for i in interfaces)
        self.lab.wait_for(all_active, timeout, f"uplinks {interfaces} active", interval=0.1)


def plain_uplinks(*interfaces):
    return [{"interface": i} for i in interfaces]


def endpoint6(lab):
    return f"[{ipaddress.ip_address(lab.server6)}]:8684"


class Tunnel:
    """A lab with one client and the server, both configured; start() brings the tunnel up.

    with Tunnel(uplinks=("wifi", "lte")) as tunnel: ...
    """

    def __init__(self, uplinks=("wifi", "lte"), client_settings=None, server_settings=None,
                 endpoint=None, **lab_options):
        self.lab = Lab(uplinks=uplinks, **lab_options)
        self._names = [str(u).partition("=")[0] for u in uplinks]
        self._client_settings = client_settings or {}
        self._server_settings = server_settings or {}
        self._endpoint = endpoint

    def __enter__(self):
        self.lab.open()
        try:
            endpoint = self._endpoint(self.lab) if self._endpoint else None
            self.server = Server(self.lab, self.lab.directory / "server", **self._server_settings)
            self.client = Client(self.lab, self.server, endpoint=endpoint,
                                 **self._client_settings)
            self.server.write_config()
            self.client.write_config(plain_uplinks(*self._names))
        except BaseException:
            self.lab.close()
            raise
        return self

    def __exit__(self, *_):
        try:
            for program in (self.client, self.server):
                program.verb("stop", check=False)
        finally:
            self.lab.close()

    def start(self):
        """Both ends up, every uplink with a subflow."""
        self.server.start()
        self.client.start()
        self.client.wait_active(*self._names)
        return self
