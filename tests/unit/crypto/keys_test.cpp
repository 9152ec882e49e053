#include "common/crypto/keys.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <type_traits>
#include <utility>

using namespace braid;
using namespace braid::test;

namespace {

// RFC 7748 section 6.1.
const std::string alice_private =
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
const std::string alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
const std::string bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

[[nodiscard]] PublicKey public_key(const std::string& hex)
{
    return PublicKey{Bytes{from_hex(hex)}.first<32>()};
}

} // namespace

TEST_CASE("a private key has the public key of RFC 7748")
{
    const PrivateKey alice{Secret<32>{Bytes{from_hex(alice_private)}.first<32>()}};
    CHECK(alice.public_key() == public_key(alice_public));
    const auto shared = alice.agree(public_key(bob_public));
    REQUIRE(shared);
    CHECK(copy_of(shared->bytes()) ==
          from_hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"));
}

TEST_CASE("keys survive their text form")
{
    const auto own = PrivateKey::generate();
    const auto again = PrivateKey::parse(view(own.text()));
    REQUIRE(again);
    CHECK(again->public_key() == own.public_key());

    CHECK(own.public_key().text().size() == 44);
    const auto peer = PublicKey::parse(own.public_key().text());
    REQUIRE(peer);
    CHECK(*peer == own.public_key());

    const auto psk = PresharedKey::generate();
    const auto same = PresharedKey::parse(std::string{view(psk.text())} + "\n");
    REQUIRE(same);
    CHECK(std::ranges::equal(same->bytes(), psk.bytes()));
}

TEST_CASE("a key has the text form that WireGuard writes")
{
    CHECK(public_key(alice_public).text() == "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
}

TEST_CASE("a text that is not exactly one canonical key is refused")
{
    const std::string good = public_key(alice_public).text();
    std::string url_alphabet = good;
    std::ranges::replace(url_alphabet, '/', '_');
    std::string loose_bits = good; // same bytes, other text: the last two bits are not zero
    loose_bits[42] = 'p';
    const std::string cases[] = {"",
                                 good.substr(0, 43),
                                 good.substr(0, 43) + "A",
                                 good + "=",
                                 " " + good,
                                 good + "\n",
                                 url_alphabet,
                                 loose_bits,
                                 "x" + good,
                                 good + good,
                                 "====",
                                 std::string(44, '='),
                                 std::string(44, '\0'),
                                 good.substr(1) + "="};
    for (const auto& text : cases) {
        CAPTURE(text);
        const auto key = PublicKey::parse(text);
        REQUIRE_FALSE(key);
        CHECK(key.error().code == std::errc::invalid_argument);
    }
    CHECK(PrivateKey::parse(good + "\n"));
    CHECK_FALSE(PrivateKey::parse(good + "\n\n"));
    CHECK_FALSE(PrivateKey::parse("\n" + good));
}

TEST_CASE("an error never shows the key")
{
    const std::string nearly = std::string{view(PrivateKey::generate().text())}.substr(0, 40);
    for (const auto& text :
         {PublicKey::parse(nearly).error().text(), PrivateKey::parse(nearly).error().text(),
          PresharedKey::parse(nearly).error().text()})
        CHECK(text.find(nearly.substr(0, 8)) == std::string::npos);
}

TEST_CASE("public keys of low order give no shared secret")
{
    const auto own = PrivateKey::generate();
    // The points of order 1, 2, 4 and 8, and non-canonical forms of them.
    const char* const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (const std::string point : points) {
        CAPTURE(point);
        CHECK_FALSE(own.agree(public_key(point)));
    }
}

TEST_CASE("two generated keys differ")
{
    CHECK(PrivateKey::generate().public_key() != PrivateKey::generate().public_key());
}

TEST_CASE("a secret that was moved from is wiped")
{
    Secret<4> first{std::array{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}}};
    Secret<4> second{std::move(first)};
    const auto left_by_construction = copy_of(first.bytes()); // NOLINT: what is left is the point
    CHECK(left_by_construction == from_hex("00000000"));
    CHECK(copy_of(second.bytes()) == from_hex("01020304"));
    Secret<4> third;
    third = std::move(second);
    const auto left_by_assignment = copy_of(second.bytes()); // NOLINT
    CHECK(left_by_assignment == from_hex("00000000"));
    CHECK(copy_of(third.bytes()) == from_hex("01020304"));
    third.clear();
    CHECK(third == Secret<4>{});
}

TEST_CASE("secrets cannot be copied")
{
    CHECK_FALSE(std::is_copy_constructible_v<Secret<32>>);
    CHECK_FALSE(std::is_copy_constructible_v<PrivateKey>);
    CHECK_FALSE(std::is_copy_constructible_v<PresharedKey>);
    CHECK_FALSE(std::is_copy_assignable_v<PrivateKey>);
}
