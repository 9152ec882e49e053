"""AEGIS-256 with a tag of 32 bytes, after draft-irtf-cfrg-aegis-aead-18, section 5.

For golden vectors only: slow, and not in constant time. generate.py checks it against the draft's
own vectors in aegis256.txt.
"""


def times_x(byte):
    """Multiplication by x in the field of AES (FIPS 197 section 4.2)."""
    return (byte << 1) ^ (0x11B if byte & 0x80 else 0)


def make_sbox():
    """FIPS 197 section 5.1.1: the inverse in the field, then the affine map."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= times_x(value)  # times x + 1, which generates the field
    box = [0x63] * 256
    for i, value in enumerate(powers):
        inverse = powers[-i % 255] * 0x101  # twice in a row, so that a shift is a rotation
        rotated = (inverse >> 8 - n for n in (1, 2, 3, 4))
        mixed = inverse
        for bits in rotated:
            mixed ^= bits
        box[value] = (mixed & 0xFF) ^ 0x63
    return box


SBOX = make_sbox()
C0 = bytes.fromhex("000101020305080d1522375990e97962")
C1 = bytes.fromhex("db3d18556dc22ff12011314273b528dd")


def xor(*blocks):
    value = 0
    for block in blocks:
        value ^= int.from_bytes(block, "big")
    return value.to_bytes(16, "big")


def both(a, b):
    return bytes(x & y for x, y in zip(a, b))


def aes_round(block, key):
    """SubBytes, ShiftRows, MixColumns, AddRoundKey (FIPS 197 section 5.1)."""
    out = bytearray()
    for column in range(4):
        a = [SBOX[block[(4 * column + 5 * row) % 16]] for row in range(4)]
        for row in range(4):
            x, y = a[row], a[(row + 1) % 4]
            out.append(times_x(x) ^ times_x(y) ^ y ^ a[(row + 2) % 4] ^ a[(row + 3) % 4])
    return xor(out, key)


class Aegis256:
    def __init__(self, key, nonce):
        k0, k1, n0, n1 = key[:16], key[16:], nonce[:16], nonce[16:]
        self.s = [xor(k0, n0), xor(k1, n1), C1, C0, xor(k0, C0), xor(k1, C1)]
        for _ in range(4):
            for block in (k0, k1, xor(k0, n0), xor(k1, n1)):
                self.update(block)

    def update(self, block):
        before = self.s[-1:] + self.s[:-1]
        into = [xor(self.s[0], block)] + self.s[1:]
        self.s = [aes_round(a, b) for a, b in zip(before, into)]

    def encrypt_block(self, block):
        s = self.s
        sealed = xor(block, s[1], s[4], s[5], both(s[2], s[3]))
        self.update(block)
        return sealed

    def tag(self, associated_size, text_size):
        sizes = b"".join((8 * n).to_bytes(8, "little") for n in (associated_size, text_size))
        last = xor(self.s[3], sizes)
        for _ in range(7):
            self.update(last)
        return xor(*self.s[:3]) + xor(*self.s[3:])


def blocks(data):
    return (data[i : i + 16].ljust(16, b"\0") for i in range(0, len(data), 16))


def encrypt(key, nonce, text, associated):
    """The ciphertext and the tag behind it."""
    state = Aegis256(key, nonce)
    for block in blocks(associated):
        state.update(block)
    sealed = b"".join(state.encrypt_block(block) for block in blocks(text))[: len(text)]
    return sealed + state.tag(len(associated), len(text))
