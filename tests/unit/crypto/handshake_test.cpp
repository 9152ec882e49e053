#include "common/crypto/handshake.hpp"

#include "common/crypto/record.hpp"
#include "tests/unit/crypto/handshake_ends.hpp"
#include "tests/unit/crypto/made_ciphers.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

constexpr MadeCipher chacha{Cipher::chacha20_poly1305, AeadMaker::libsodium};

/// Gives out prepared bytes, one request after the other.
[[nodiscard]] FillRandom prepared(std::vector<std::byte> bytes)
{
    return [bytes = std::move(bytes), used = std::size_t{0}](MutBytes out) mutable {
        std::ranges::copy(Bytes{bytes}.subspan(used, out.size()), out.begin());
        used += out.size();
    };
}

[[nodiscard]] std::vector<std::byte> seal(Secret<32> key, std::string_view text,
                                          MadeCipher made = chacha)
{
    RecordSealer sealer{made.cipher, std::move(key), {}, made.maker};
    std::vector<std::byte> out(text.size() + sealer.overhead());
    const std::array segments{as_bytes(text)};
    REQUIRE(sealer.seal(segments, out));
    return out;
}

[[nodiscard]] bool opens(Secret<32> key, std::vector<std::byte> record, MadeCipher made = chacha)
{
    return RecordOpener{made.cipher, std::move(key), {}, made.maker}.open(record).has_value();
}

void check_equal(const HandshakeResult& a, const HandshakeResult& b)
{
    CHECK(a.cipher == b.cipher);
    CHECK(a.id == b.id);
    CHECK(a.client_to_server == b.client_to_server);
    CHECK(a.server_to_client == b.server_to_client);
    CHECK(a.session_secret == b.session_secret);
    CHECK(a.transcript == b.transcript);
}

} // namespace

TEST_CASE("both sides agree on everything, and on different keys each time")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto given = answer(ends, hello_of(client));
    const auto got = client.on_reply(given.unit);
    REQUIRE(got);
    check_equal(*got, given.result);
    CHECK(got->peer == ends.server.public_key());
    CHECK(given.result.peer == ends.client.public_key());
    CHECK_FALSE(got->client_to_server == got->server_to_client);
    CHECK_FALSE(got->client_to_server == got->session_secret);

    auto again = ends.client_side();
    const auto other = answer(ends, hello_of(again));
    CHECK(other.result.id != got->id);
    CHECK_FALSE(other.result.client_to_server == got->client_to_server);
}

TEST_CASE("messages and keys match the golden vectors")
{
    for (const std::string file : {"handshake.txt", "handshake_psk.txt"}) {
        CAPTURE(file);
        const VectorFile v{file};
        const auto own = v.private_key("client_private");
        const auto server_own = v.private_key("server_private");
        const PresharedKey psk{v.secret("psk")};
        const CipherSet offered{v.byte("offered")};

        ClientHandshake client{{.own = own,
                                .server = server_own.public_key(),
                                .psk = psk,
                                .offered = offered,
                                .random = prepared(v["client_ephemeral"])}};
        const auto hello = hello_of(client);
        CHECK(copy_of(hello) == v["client_hello"]);

        auto random = v["server_ephemeral"];
        random.insert(random.end(), v["session_id"].begin(), v["session_id"].end());
        ServerHandshake server{
            {.own = server_own, .accepted = both_ciphers, .random = prepared(random)}};
        REQUIRE(server.on_hello(hello, [&](const PublicKey&) { return &psk; }));
        Unit69 reply{};
        const auto result = server.reply(reply);
        REQUIRE(result);
        CHECK(copy_of(reply) == v["server_hello"]);
        CHECK(static_cast<std::uint8_t>(result->cipher) == v.byte("cipher"));
        CHECK(copy_of(result->id) == v["session_id"]);
        CHECK(result->client_to_server == v.secret("client_to_server"));
        CHECK(result->server_to_client == v.secret("server_to_client"));
        CHECK(result->session_secret == v.secret("session_secret"));
        CHECK(copy_of(result->transcript) == v["transcript"]);

        const auto got = client.on_reply(reply);
        REQUIRE(got);
        check_equal(*got, *result);
    }
}

TEST_CASE("a preshared key on both ends works")
{
    Ends ends;
    ends.client_psk = PresharedKey::generate();
    ends.server_psk = PresharedKey{Secret<32>{ends.client_psk.bytes()}};
    auto client = ends.client_side();
    CHECK(client.on_reply(answer(ends, hello_of(client)).unit));
}

TEST_CASE("unknown ciphers in an authentic offer are skipped")
{
    Ends ends;
    ends.offered = CipherSet{0xfd};
    auto client = ends.client_side();
    const auto given = answer(ends, hello_of(client));
    CHECK(given.result.cipher == Cipher::chacha20_poly1305);
    CHECK(client.on_reply(given.unit));
}

TEST_CASE("the best cipher that both ends have is agreed upon")
{
    Ends ends;
    const auto all = both_ciphers.with(Cipher::aegis256);
    struct Case {
        CipherSet offered;
        CipherSet accepted;
        Cipher best;
    };
    for (const auto& one :
         {Case{all, all, Cipher::aegis256}, Case{all, both_ciphers, Cipher::aes256_gcm},
          Case{both_ciphers, all, Cipher::aes256_gcm},
          Case{chacha_only, all, Cipher::chacha20_poly1305}}) {
        ends.offered = one.offered;
        ends.accepted = one.accepted;
        auto client = ends.client_side();
        const auto given = answer(ends, hello_of(client));
        CHECK(given.result.cipher == one.best);
        const auto got = client.on_reply(given.unit);
        REQUIRE(got);
        CHECK(got->cipher == one.best);
    }
}

TEST_CASE("a replayed hello is answered, but the recorded confirmation does not open")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto hello = hello_of(client);
    auto genuine = answer(ends, hello);
    auto got = client.on_reply(genuine.unit);
    REQUIRE(got);
    const auto confirmation = seal(std::move(got->client_to_server), "hello");
    CHECK(opens(std::move(genuine.result.client_to_server), confirmation));

    auto replayed = answer(ends, hello);
    CHECK(replayed.unit != genuine.unit);
    CHECK_FALSE(opens(std::move(replayed.result.client_to_server), confirmation));
}

TEST_CASE("each step succeeds once")
{
    const Ends ends;
    auto client = ends.client_side();
    Unit69 reply{};
    CHECK_FALSE(client.on_reply(reply));
    auto hello = hello_of(client);
    CHECK_FALSE(client.start(hello));

    auto server = ends.server_side();
    CHECK_FALSE(server.reply(reply));
    REQUIRE(server.on_hello(hello, ends.find()));
    CHECK_FALSE(server.on_hello(hello, ends.find()));
    REQUIRE(server.reply(reply));
    CHECK_FALSE(server.reply(reply));
    CHECK_FALSE(server.on_hello(hello, ends.find()));

    CHECK(client.on_reply(reply));
    CHECK_FALSE(client.on_reply(reply));
}

TEST_CASE("the hello hides the client's key")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto hello = hello_of(client);
    const auto key = ends.client.public_key().bytes();
    CHECK(std::search(hello.begin(), hello.end(), key.begin(), key.end()) == hello.end());
}

TEST_CASE("what the keys of one end seal, the other opens, whoever makes the cipher at either end")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        const MadeCipher other{made.cipher, AeadMaker::libsodium};
        const Ends ends;
        auto client = ends.client_side();
        auto given = answer(ends, hello_of(client));
        auto got = client.on_reply(given.unit);
        REQUIRE(got);
        CHECK(opens(std::move(given.result.client_to_server),
                    seal(std::move(got->client_to_server), "up", made), other));
        CHECK(opens(std::move(got->server_to_client),
                    seal(std::move(given.result.server_to_client), "down", other), made));
    }
}
