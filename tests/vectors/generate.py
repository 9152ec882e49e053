#!/usr/bin/python3
"""Second implementation of braid's handshake, joins, key schedule, records, probes, after PROTOCOL.md.

Writes the golden vectors beside it and the seeds of the fuzz targets handshake, join, record and
probe; with --check compares them with what is there instead.
Needs python3-cryptography (Debian). HMAC, HKDF and Noise are written out here, so that the
vectors share nothing with common/crypto but the specification; AEGIS-256 is in aegis256.py.
"""

import hashlib
import hmac
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import aegis256

CHACHA20_POLY1305, AES256_GCM, AEGIS256 = 1, 2, 3
CLIENT_HELLO, SERVER_HELLO, LANE_JOIN, LANE_ACCEPT, RECORD, NEXT_RECORD = 1, 2, 4, 5, 6, 7
VERSION = 1


def private(seed):
    """A fixed X25519 private key, clamped as RFC 7748 section 5 does."""
    key = bytearray(hashlib.sha256(b"braid vectors " + seed.encode()).digest())
    key[0] &= 248
    key[31] = key[31] & 127 | 64
    return bytes(key)


def public(key):
    point = X25519PrivateKey.from_private_bytes(key).public_key()
    return point.public_bytes(Encoding.Raw, PublicFormat.Raw)


def agree(key, other):
    return X25519PrivateKey.from_private_bytes(key).exchange(X25519PublicKey.from_public_bytes(other))


def unit(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def nonce(counter):
    return bytes(4) + counter.to_bytes(8, "little")


def hkdf(chaining_key, material):
    """Three outputs; HKDF with fewer gives the first ones of the same."""

    def mac(key, data):
        return hmac.new(key, data, hashlib.blake2b).digest()

    temporary = mac(chaining_key, material)
    first = mac(temporary, b"\x01")
    second = mac(temporary, first + b"\x02")
    third = mac(temporary, second + b"\x03")
    return first, second, third


class Noise:
    """Noise revision 34, section 5.2, ChaChaPoly and BLAKE2b."""

    def __init__(self, name, prologue):
        self.h = name.ljust(64, b"\0")
        self.ck = self.h
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hashlib.blake2b(self.h + data).digest()

    def mix_key(self, material):
        self.ck, key, _ = hkdf(self.ck, material)
        self.key, self.n = key[:32], 0

    def mix_key_and_hash(self, material):
        self.ck, data, key = hkdf(self.ck, material)
        self.mix_hash(data)
        self.key, self.n = key[:32], 0

    def ephemeral(self, point):
        self.mix_hash(point)
        self.mix_key(point)

    def seal(self, plaintext):
        sealed = ChaCha20Poly1305(self.key).encrypt(nonce(self.n), plaintext, self.h)
        self.n += 1
        self.mix_hash(sealed)
        return sealed


def noise_ikpsk2(prologue, keys, psk, payloads):
    """Both messages of IKpsk2 and the final state; keys: client, server, e1, e2."""
    client, server, e1, e2 = keys
    noise = Noise(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b", prologue)
    noise.mix_hash(public(server))

    noise.ephemeral(public(e1))
    noise.mix_key(agree(e1, public(server)))
    first = public(e1) + noise.seal(public(client))
    noise.mix_key(agree(client, public(server)))
    first += noise.seal(payloads[0])

    noise.ephemeral(public(e2))
    noise.mix_key(agree(e2, public(e1)))
    noise.mix_key(agree(e2, public(client)))
    noise.mix_key_and_hash(psk)
    second = public(e2) + noise.seal(payloads[1])
    return first, second, noise


def derive(secret, label, context=b""):
    data = bytes([len(label)]) + label + context
    return hashlib.blake2b(data, key=secret, digest_size=32).digest()


def handshake_vectors(seed, psk, offered, cipher):
    client, server = private(seed + " client"), private(seed + " server")
    e1, e2 = private(seed + " client ephemeral"), private(seed + " server ephemeral")
    session_id = hashlib.sha256(seed.encode() + b" session").digest()[:16]
    payloads = bytes(16), bytes([cipher]) + session_id
    clear = bytes([VERSION, offered])
    first, second, noise = noise_ikpsk2(b"braid" + clear, (client, server, e1, e2), psk, payloads)
    c2s, s2c, session = (key[:32] for key in hkdf(noise.ck, b""))
    return {
        "client_private": client, "client_public": public(client),
        "server_private": server, "server_public": public(server),
        "client_ephemeral": e1, "server_ephemeral": e2,
        "psk": psk, "offered": bytes([offered]), "session_id": session_id,
        "client_hello": unit(CLIENT_HELLO, clear + first),
        "server_hello": unit(SERVER_HELLO, second),
        "cipher": bytes([cipher]),
        "client_to_server": c2s, "server_to_client": s2c, "session_secret": session,
        "transcript": noise.h,
    }  # fmt: skip


class Lane:
    """One further lane of a session: both units of its join, and its keys."""

    def __init__(self, secret, client_nonce, server_nonce):
        nonces = client_nonce + server_nonce
        self.secret, self.client_nonce, self.server_nonce = secret, client_nonce, server_nonce
        self.ticket = derive(secret, b"braid ticket")[:16]
        proof = derive(secret, b"braid join", client_nonce)
        self.join = unit(LANE_JOIN, self.ticket + client_nonce + proof)
        self.accept = unit(LANE_ACCEPT, server_nonce + derive(secret, b"braid accept", nonces))
        root = derive(secret, b"braid keys", nonces)
        self.client_to_server = derive(root, b"braid client")
        self.server_to_client = derive(root, b"braid server")


def lanes(session_secret, nonces):
    """Lanes 1, 2, ... of a session, one for each pair of nonces."""
    chain = session_secret
    for client_nonce, server_nonce in nonces:
        yield Lane(derive(chain, b"braid lane"), client_nonce, server_nonce)
        chain = derive(chain, b"braid chain")


def lane_join_vectors():
    secret = hashlib.sha256(b"braid vectors session secret").digest()

    def nonce_of(end, number):
        return hashlib.sha256(f"braid vectors {end} nonce {number}".encode()).digest()[:16]

    nonces = [(nonce_of("client", i), nonce_of("server", i)) for i in (1, 2, 3)]
    vectors = {"session_secret": secret}
    for number, lane in enumerate(lanes(secret, nonces), 1):
        vectors |= {f"lane_{number}_{name}": value for name, value in vars(lane).items()}
    return vectors


class Aegis256:
    """AEGIS-256 in the form of an AEAD of the library."""

    def __init__(self, key):
        self.key = key

    def encrypt(self, short_nonce, plaintext, associated):
        return aegis256.encrypt(self.key, bytes(20) + short_nonce, plaintext, associated)


class Sealer:
    """The records of one direction."""

    kinds = {CHACHA20_POLY1305: ChaCha20Poly1305, AES256_GCM: AESGCM, AEGIS256: Aegis256}

    def __init__(self, cipher, secret):
        self.cipher, self.secret = cipher, secret
        self.expand()

    def expand(self):
        key = derive(self.secret, b"braid record", bytes([self.cipher]))
        self.aead = self.kinds[self.cipher](key)
        self.tag_size = 32 if self.cipher == AEGIS256 else 16
        self.n = 0

    def seal(self, plaintext, kind=RECORD):
        header = bytes([kind]) + (len(plaintext) + self.tag_size).to_bytes(3, "big")
        sealed = self.aead.encrypt(nonce(self.n), plaintext, header)
        self.n += 1
        return header + sealed

    def rekey(self):
        self.secret = derive(self.secret, b"braid rekey")
        self.expand()


def record_vectors(cipher):
    secret = hashlib.sha256(b"braid vectors record secret").digest()
    plaintexts = b"", b"x", bytes(range(256)) * 5 + b"end"
    sealer = Sealer(cipher, secret)
    vectors = {"cipher": bytes([cipher]), "secret": secret}
    for i, plaintext in enumerate(plaintexts):
        vectors[f"plaintext_{i}"] = plaintext
        vectors[f"record_{i}"] = sealer.seal(plaintext)
    for i, plaintext in enumerate((b"first under the second key", b"second under it"), 3):
        if i == 3:
            sealer.rekey()
        vectors[f"plaintext_{i}"] = plaintext
        vectors[f"record_{i}"] = sealer.seal(plaintext, NEXT_RECORD if i == 3 else RECORD)
    return vectors


class Probes:
    """The probes and echoes of one lane."""

    def __init__(self, client_to_server, server_to_client):
        self.lane = derive(client_to_server, b"braid probe lane")[:8]
        self.probe_key = derive(client_to_server, b"braid probe")
        self.echo_key = derive(server_to_client, b"braid echo")

    def probe(self, number):
        return self.datagram(1, number, self.probe_key)

    def echo(self, number):
        return self.datagram(2, number, self.echo_key)

    def datagram(self, kind, number, key):
        clear = bytes([kind, 0, 0, 0]) + number.to_bytes(4, "big") + self.lane
        return clear + hashlib.blake2b(clear, key=key, digest_size=32).digest()[:16]


def probe_vectors():
    c2s, s2c = (hashlib.sha256(b"braid vectors probe " + end).digest() for end in (b"up", b"down"))
    probes, number = Probes(c2s, s2c), 0x01020304
    return {
        "client_to_server": c2s, "server_to_client": s2c, **vars(probes),
        "number": number.to_bytes(4, "big"),
        "probe": probes.probe(number), "echo": probes.echo(number),
    }  # fmt: skip


def derive_vectors():
    secret = hashlib.sha256(b"braid vectors derive secret").digest()
    context = bytes(range(40))
    return {
        "secret": secret,
        "context": context,
        "braid rekey": derive(secret, b"braid rekey"),
        "braid record": derive(secret, b"braid record", context),
        "braid lane": derive(secret, b"braid lane", context),
        "braid lane without context": derive(secret, b"braid lane"),
    }


def all_vectors():
    no_psk, psk = bytes(32), hashlib.sha256(b"braid vectors psk").digest()
    return {
        "handshake.txt": handshake_vectors("plain", no_psk, 0b01, CHACHA20_POLY1305),
        "handshake_psk.txt": handshake_vectors("psk", psk, 0b11, AES256_GCM),
        "lane_join.txt": lane_join_vectors(),
        "derive.txt": derive_vectors(),
        "probe.txt": probe_vectors(),
        "record_chacha20_poly1305.txt": record_vectors(CHACHA20_POLY1305),
        "record_aes256_gcm.txt": record_vectors(AES256_GCM),
        "record_aegis256.txt": record_vectors(AEGIS256),
    }


def published(file):
    """Vectors from outside."""
    lines = (here / file).read_text().splitlines()
    pairs = (line.split(" = ") for line in lines if line and not line.startswith("#"))
    return {name: bytes.fromhex(value) for name, value in pairs}


def check_aegis256():
    v = published("aegis256.txt")
    return all(
        aegis256.encrypt(v["key"], v["nonce"], v[f"msg_{i}"], v[f"ad_{i}"])
        == v[f"ct_{i}"] + v[f"tag_{i}"]
        for i in range(1, 6)
    )


def check_noise():
    v = published("noise_ikpsk2.txt")
    keys = v["client_private"], v["server_private"], v["client_ephemeral"], v["server_ephemeral"]
    payloads = v["payload_0"], v["payload_1"]
    first, second, noise = noise_ikpsk2(v["prologue"], keys, v["psk"], payloads)
    c2s, s2c, _ = hkdf(noise.ck, b"")
    transport = ((c2s, 2, 0), (s2c, 3, 0), (c2s, 4, 1), (s2c, 5, 1))
    return (first, second) == (v["message_0"], v["message_1"]) and all(
        v[f"message_{i}"] == ChaCha20Poly1305(key[:32]).encrypt(nonce(n), v[f"payload_{i}"], b"")
        for key, i, n in transport
    )


def filled(value):
    """The private key that the fuzz targets make of one byte repeated."""
    return bytes([value & 248]) + bytes([value]) * 30 + bytes([value & 127 | 64])


def handshake_corpus():
    keys = tuple(filled(value) for value in (1, 2, 3, 4))
    clear, reply = bytes([VERSION, 3]), bytes([CHACHA20_POLY1305]) + bytes([4] * 16)
    first, second, _ = noise_ikpsk2(b"braid" + clear, keys, bytes(32), (bytes(16), reply))
    hello, answer = unit(CLIENT_HELLO, clear + first), unit(SERVER_HELLO, second)
    return {
        "client_hello": hello, "client_hello_cut": hello[:-1], "client_hello_long": hello + b"x",
        "client_hello_version_2": hello[:4] + b"\2" + hello[5:],
        "client_hello_no_cipher": hello[:5] + b"\0" + hello[6:],
        "client_hello_zero_key": hello[:6] + bytes(32) + hello[38:],
        "server_hello": answer, "server_hello_cut": answer[:-1],
        "server_hello_zero_key": answer[:4] + bytes(32) + answer[36:],
        "empty": b"", "refused": unit(3, b""),
    }  # fmt: skip


def join_corpus():
    nonces = [(bytes([1] * 16), bytes([2] * 16))] * 9
    taken = list(lanes(bytes(32), nonces))
    first, join, answer = taken[0], taken[0].join, taken[0].accept
    return {
        "join": join, "join_cut": join[:-1], "join_long": join + b"x",
        "join_last_in_reach": taken[7].join, "join_beyond_reach": taken[8].join,
        "join_other_proof": join[:-1] + bytes([join[-1] ^ 1]),
        "join_other_nonce": join[:20] + bytes(16) + join[36:],
        "join_mixed": unit(LANE_JOIN, first.ticket + taken[1].join[20:]),
        "accept": answer, "accept_cut": answer[:-1],
        "accept_is_join": unit(LANE_ACCEPT, join[20:]),
        "unchanged": bytes(68), "empty": b"", "client_hello": unit(CLIENT_HELLO, b"x"),
    }  # fmt: skip


def record_corpus():
    sealer = Sealer(CHACHA20_POLY1305, bytes(32))
    stream = sealer.seal(b"") + sealer.seal(b"some frames") + sealer.seal(bytes(300))
    sealer.rekey()
    stream += sealer.seal(b"under the next key", NEXT_RECORD) + sealer.seal(b"and again")
    return {
        "stream": stream, "stream_cut": stream[:-1], "stream_behind": stream + b"\x06\0",
        "one": stream[:20], "header_only": stream[:4], "header_cut": stream[:3],
        "too_long": b"\6\xff\xff\xff", "too_short": b"\6\0\0\x0f", "unknown_type": b"\0\0\0\0",
        "other_types": unit(3, b"") + unit(1, b"x") + unit(4, b"join") + stream,
        "forged_next_key": b"\7" + stream[1:20], "empty": b"",
    }  # fmt: skip


def probe_corpus():
    probes = Probes(bytes(32), bytes(32))
    probe, echo = probes.probe(1), probes.echo(1)
    return {
        "probe": probe, "probe_last_number": probes.probe(2**32 - 1), "echo": echo,
        "probe_cut": probe[:-1], "probe_long": probe + b"x", "probe_turned": b"\2" + probe[1:],
        "probe_reserved": probe[:3] + b"\1" + probe[4:], "probe_kind_3": b"\3" + probe[1:],
        "probe_other_lane": probe[:8] + bytes(8) + probe[16:], "unchanged": bytes(32), "empty": b"",
    }  # fmt: skip


def corpora():
    folders = {
        "handshake": handshake_corpus(), "join": join_corpus(), "record": record_corpus(),
        "probe": probe_corpus(),
    }  # fmt: skip
    return {
        pathlib.Path("..", "fuzz", "corpus", folder, name): data
        for folder, files in folders.items()
        for name, data in files.items()
    }


def render(vectors):
    head = "# Golden vectors, made by generate.py.\n"
    return head + "".join(f"{name} = {value.hex()}\n" for name, value in vectors.items())


here = pathlib.Path(__file__).parent


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: generate.py [--check]")
    files = {pathlib.Path(name): render(v).encode() for name, v in all_vectors().items()}
    files |= corpora()
    checks = {"noise_ikpsk2.txt": check_noise, "aegis256.txt": check_aegis256}
    failed = [name for name, check in checks.items() if not check()]
    for name, data in files.items():
        path = here / name
        if sys.argv[1:] == []:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            failed.append(str(name))
    if failed:
        sys.exit("error: differs: " + " ".join(failed))


if __name__ == "__main__":
    main()
