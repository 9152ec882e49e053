#include "common/crypto/cipher.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <doctest/doctest.h>

using namespace braid;
using namespace braid::test;

namespace {

constexpr CipherSet chacha = CipherSet{}.with(Cipher::chacha20_poly1305);
constexpr CipherSet aes = CipherSet{}.with(Cipher::aes256_gcm);
constexpr CipherSet aegis = CipherSet{}.with(Cipher::aegis256);
constexpr CipherSet old = chacha.with(Cipher::aes256_gcm);
constexpr CipherSet all = old.with(Cipher::aegis256);

} // namespace

TEST_CASE("a set has one bit for each cipher")
{
    CHECK(chacha.bits() == 1);
    CHECK(aes.bits() == 2);
    CHECK(aegis.bits() == 4);
    CHECK(all.bits() == 7);
}

TEST_CASE("the best common cipher is chosen")
{
    CHECK(choose_cipher(all, all) == Cipher::aegis256);
    CHECK(choose_cipher(all, old) == Cipher::aes256_gcm);
    CHECK(choose_cipher(old, all) == Cipher::aes256_gcm);
    CHECK(choose_cipher(all, chacha) == Cipher::chacha20_poly1305);
    CHECK(choose_cipher(chacha, all) == Cipher::chacha20_poly1305);
    CHECK(choose_cipher(CipherSet{0xff}, aes) == Cipher::aes256_gcm);
    CHECK_FALSE(choose_cipher(aes, chacha));
    CHECK_FALSE(choose_cipher(aegis, old));
    CHECK_FALSE(choose_cipher(CipherSet{0xf8}, all));
}

TEST_CASE("every machine supports ChaCha20-Poly1305, and AEGIS-256 only with AES instructions")
{
    const auto set = CipherSet::supported();
    CHECK(set.contains(Cipher::chacha20_poly1305));
    CHECK((set.bits() & ~all.bits()) == 0);
    if (set.contains(Cipher::aegis256)) CHECK(set.contains(Cipher::aes256_gcm));
}

TEST_CASE("only numbers of known ciphers in the set are found")
{
    for (unsigned number = 0; number < 256; ++number) {
        const auto found = find_cipher(static_cast<std::uint8_t>(number), CipherSet{0xff});
        CHECK(found.has_value() == (number >= 1 && number <= 3));
    }
    CHECK_FALSE(find_cipher(2, CipherSet{1}));
    CHECK_FALSE(find_cipher(3, old));
    CHECK(find_cipher(2, CipherSet{2}) == Cipher::aes256_gcm);
}
