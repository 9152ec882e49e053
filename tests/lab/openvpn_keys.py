"""Certificates for the two ends of an OpenVPN tunnel that lives as long as a benchmark."""

from dataclasses import dataclass
from pathlib import Path

from netns import command


@dataclass
class End:
    """One end's files, and the fingerprint that it expects of the other."""

    key: Path
    certificate: Path
    peer: str = ""

    def words(self):
        return ["--key", str(self.key), "--cert", str(self.certificate),
                "--peer-fingerprint", self.peer]


def make_keys(folder):
    """Makes key and certificate of `client` and `server` in a new folder; yields both Ends."""
    folder.mkdir()
    ends = {role: End(folder / f"{role}.key", folder / f"{role}.crt")
            for role in ("client", "server")}
    for role, end in ends.items():
        command(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={role}",
                 "-keyout", str(end.key), "-out", str(end.certificate)])
    ends["client"].peer, ends["server"].peer = (fingerprint(ends[role].certificate)
                                                for role in ("server", "client"))
    return ends


def fingerprint(certificate):
    shown = command(["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint",
                     "-sha256"])
    return shown.strip().partition("=")[2]
