#include "common/crypto/handshake.hpp"

#include "tests/unit/crypto/handshake_ends.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <optional>
#include <system_error>

using namespace braid;
using namespace braid::test;

namespace {

[[nodiscard]] std::optional<std::errc> refusal(const Ends& ends, Bytes hello)
{
    auto server = ends.server_side();
    const auto taken = server.on_hello(hello, ends.find());
    if (taken) return std::nullopt;
    return static_cast<std::errc>(taken.error().code.value());
}

} // namespace

TEST_CASE("the client refuses a server with another preshared key or none")
{
    Ends ends;
    ends.client_psk = PresharedKey::generate();
    auto client = ends.client_side();
    const auto result = client.on_reply(answer(ends, hello_of(client)).unit);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == handshake_fault::not_authentic);
    CHECK_FALSE(result.error().hint.empty());
}

TEST_CASE("the server refuses a client that is not listed, by its proven key")
{
    const Ends ends;
    const auto stranger = PrivateKey::generate();
    ClientHandshake client{
        {.own = stranger, .server = ends.server.public_key(), .psk = PresharedKey::none()}};
    auto server = ends.server_side();
    std::optional<PublicKey> asked;
    const auto taken = server.on_hello(hello_of(client), [&](const PublicKey& key) {
        asked = key;
        return static_cast<const PresharedKey*>(nullptr);
    });
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == handshake_fault::unknown_client);
    CHECK(asked == stranger.public_key());
    Unit69 reply{};
    CHECK_FALSE(server.reply(reply));
}

TEST_CASE("a hello for another server's key is refused without a lookup")
{
    const Ends ends;
    const auto elsewhere = PrivateKey::generate();
    ClientHandshake client{
        {.own = ends.client, .server = elsewhere.public_key(), .psk = PresharedKey::none()}};
    auto server = ends.server_side();
    const auto taken = server.on_hello(hello_of(client), [](const PublicKey&) {
        FAIL("looked up");
        return static_cast<const PresharedKey*>(nullptr);
    });
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == handshake_fault::not_authentic);
}

TEST_CASE("a server whose configured key is of low order is refused before anything is sent")
{
    const Ends ends;
    const PublicKey zeros;
    ClientHandshake client{{.own = ends.client, .server = zeros, .psk = PresharedKey::none()}};
    Unit118 hello{};
    const auto started = client.start(hello);
    REQUIRE_FALSE(started);
    CHECK(started.error().code == handshake_fault::not_authentic);
}

TEST_CASE("a hello with an ephemeral key of low order is refused")
{
    const Ends ends;
    auto client = ends.client_side();
    auto hello = hello_of(client);
    std::ranges::fill_n(hello.begin() + 6, 32, std::byte{0});
    CHECK(refusal(ends, hello) == handshake_fault::not_authentic);
}

TEST_CASE("every flipped bit of the client hello is refused and the true one still works")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto hello = hello_of(client);
    auto server = ends.server_side();
    Unit69 reply{};
    for (std::size_t bit = 0; bit < hello.size() * 8; ++bit) {
        CAPTURE(bit);
        auto broken = hello;
        broken[bit / 8] ^= std::byte{1} << (bit % 8);
        CHECK_FALSE(server.on_hello(broken, ends.find()));
        CHECK_FALSE(server.reply(reply));
    }
    REQUIRE(server.on_hello(hello, ends.find()));
    REQUIRE(server.reply(reply));
    CHECK(client.on_reply(reply));
}

TEST_CASE("every flipped bit of the server hello is refused and the true one still works")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto given = answer(ends, hello_of(client));
    for (std::size_t bit = 0; bit < given.unit.size() * 8; ++bit) {
        CAPTURE(bit);
        auto broken = given.unit;
        broken[bit / 8] ^= std::byte{1} << (bit % 8);
        CHECK_FALSE(client.on_reply(broken));
    }
    const auto got = client.on_reply(given.unit);
    REQUIRE(got);
    CHECK(got->client_to_server == given.result.client_to_server);
    CHECK(got->server_to_client == given.result.server_to_client);
}

TEST_CASE("messages cut or lengthened anywhere are malformed")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto hello = hello_of(client);
    for (std::size_t size = 0; size < hello.size(); ++size) {
        CAPTURE(size);
        CHECK(refusal(ends, Bytes{hello}.first(size)) == handshake_fault::malformed);
    }
    auto longer = copy_of(hello);
    longer.push_back(std::byte{0});
    CHECK(refusal(ends, longer) == handshake_fault::malformed);
    write_unit_header(longer, UnitType::client_hello, longer.size() - unit_header_size);
    CHECK(refusal(ends, longer) == handshake_fault::malformed);

    const auto given = answer(ends, hello);
    for (std::size_t size = 0; size < given.unit.size(); ++size) {
        CAPTURE(size);
        const auto result = client.on_reply(Bytes{given.unit}.first(size));
        REQUIRE_FALSE(result);
        CHECK(result.error().code == handshake_fault::malformed);
    }
}

TEST_CASE("another version is named as such, whatever its size")
{
    const Ends ends;
    auto client = ends.client_side();
    auto hello = hello_of(client);
    hello[4] = std::byte{2};
    CHECK(refusal(ends, hello) == handshake_fault::wrong_version);
    CHECK(refusal(ends, Bytes{hello}.first(40)) == handshake_fault::wrong_version);
}

TEST_CASE("taking ciphers out of the offer is noticed")
{
    Ends ends;
    ends.accepted = both_ciphers;
    auto client = ends.client_side();
    auto hello = hello_of(client);
    for (const unsigned bits : {1U, 2U, 7U, 0xffU}) {
        CAPTURE(bits);
        hello[5] = static_cast<std::byte>(bits);
        CHECK(refusal(ends, hello) == handshake_fault::not_authentic);
    }
    hello[5] = std::byte{0};
    CHECK(refusal(ends, hello) == handshake_fault::no_common_cipher);
    hello[5] = std::byte{3};
    CHECK_FALSE(refusal(ends, hello));
}

TEST_CASE("without a common cipher the server refuses")
{
    Ends ends;
    ends.offered = chacha_only;
    ends.accepted = CipherSet{}.with(Cipher::aes256_gcm);
    auto client = ends.client_side();
    CHECK(refusal(ends, hello_of(client)) == handshake_fault::no_common_cipher);
}

TEST_CASE("the reply to another hello is refused")
{
    const Ends ends;
    auto first = ends.client_side();
    auto second = ends.client_side();
    const auto given = answer(ends, hello_of(first));
    const auto hello = hello_of(second);
    const auto result = second.on_reply(given.unit);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == handshake_fault::not_authentic);
    CHECK(second.on_reply(answer(ends, hello).unit));
}

TEST_CASE("a refused hello does not spoil the server's state")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto hello = hello_of(client);
    auto server = ends.server_side();
    auto broken = hello;
    broken.back() ^= std::byte{1};
    CHECK_FALSE(server.on_hello(broken, ends.find()));
    REQUIRE(server.on_hello(hello, ends.find()));
    Unit69 reply{};
    REQUIRE(server.reply(reply));
    CHECK(client.on_reply(reply));
}
