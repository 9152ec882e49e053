#include "common/crypto/handshake.hpp"

#include "common/crypto/record.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <optional>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using Unit118 = std::array<std::byte, client_hello_size>;
using Unit69 = std::array<std::byte, server_hello_size>;

const CipherSet chacha_only = CipherSet{}.with(Cipher::chacha20_poly1305);
const CipherSet both_ciphers = chacha_only.with(Cipher::aes256_gcm);

/// Gives out prepared bytes, one request after the other.
[[nodiscard]] FillRandom prepared(std::vector<std::byte> bytes)
{
    return [bytes = std::move(bytes), used = std::size_t{0}](MutBytes out) mutable {
        std::ranges::copy(Bytes{bytes}.subspan(used, out.size()), out.begin());
        used += out.size();
    };
}

/// The keys of both ends; a server that knows this client only.
struct Ends {
    PrivateKey client = PrivateKey::generate();
    PrivateKey server = PrivateKey::generate();
    PresharedKey client_psk;
    PresharedKey server_psk;
    CipherSet offered = both_ciphers;
    CipherSet accepted = chacha_only;

    [[nodiscard]] ClientHandshake client_side() const
    {
        return ClientHandshake{
            {.own = client, .server = server.public_key(), .psk = client_psk, .offered = offered}};
    }
    [[nodiscard]] ServerHandshake server_side() const
    {
        return ServerHandshake{{.own = server, .accepted = accepted}};
    }
    [[nodiscard]] FindClient find() const
    {
        return [this](const PublicKey& key) -> const PresharedKey* {
            return key == client.public_key() ? &server_psk : nullptr;
        };
    }
};

[[nodiscard]] Unit118 hello_of(ClientHandshake& client)
{
    Unit118 hello{};
    const auto size = client.start(hello);
    REQUIRE(size);
    CHECK(*size == client_hello_size);
    return hello;
}

/// A server's answer to a hello that must be good.
struct Answer {
    Unit69 unit{};
    HandshakeResult result;
};
[[nodiscard]] Answer answer(const Ends& ends, Bytes hello)
{
    auto server = ends.server_side();
    REQUIRE(server.on_hello(hello, ends.find()));
    Answer given;
    auto result = server.reply(given.unit);
    REQUIRE(result);
    given.result = std::move(*result);
    return given;
}

[[nodiscard]] std::vector<std::byte> seal(Secret<32> key, std::string_view text)
{
    RecordSealer sealer{Cipher::chacha20_poly1305, std::move(key)};
    std::vector<std::byte> out(text.size() + record_overhead);
    const std::array segments{as_bytes(text)};
    REQUIRE(sealer.seal(segments, out));
    return out;
}

[[nodiscard]] bool opens(Secret<32> key, std::vector<std::byte> record)
{
    return RecordOpener{Cipher::chacha20_poly1305, std::move(key)}.open(record).has_value();
}

[[nodiscard]] std::optional<std::errc> refusal(const Ends& ends, Bytes hello)
{
    auto server = ends.server_side();
    const auto taken = server.on_hello(hello, ends.find());
    if (taken) return std::nullopt;
    return static_cast<std::errc>(taken.error().code.value());
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

TEST_CASE("every flipped bit of the client hello is refused")
{
    const Ends ends;
    auto client = ends.client_side();
    const auto hello = hello_of(client);
    CHECK_FALSE(refusal(ends, hello));
    for (std::size_t bit = 0; bit < hello.size() * 8; ++bit) {
        CAPTURE(bit);
        auto broken = hello;
        broken[bit / 8] ^= std::byte{1} << (bit % 8);
        CHECK(refusal(ends, broken));
    }
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
    CHECK(client.on_reply(given.unit));
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

TEST_CASE("unknown ciphers in an authentic offer are skipped")
{
    Ends ends;
    ends.offered = CipherSet{0xfd};
    auto client = ends.client_side();
    const auto given = answer(ends, hello_of(client));
    CHECK(given.result.cipher == Cipher::chacha20_poly1305);
    CHECK(client.on_reply(given.unit));
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

TEST_CASE("what the keys of one end seal, the other opens")
{
    const Ends ends;
    auto client = ends.client_side();
    auto given = answer(ends, hello_of(client));
    auto got = client.on_reply(given.unit);
    REQUIRE(got);
    CHECK(opens(std::move(given.result.client_to_server),
                seal(std::move(got->client_to_server), "up")));
    CHECK(opens(std::move(got->server_to_client),
                seal(std::move(given.result.server_to_client), "down")));
}
