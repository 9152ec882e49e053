#include "client/opening.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace braid;

namespace {

Secret<32> session_secret()
{
    Secret<32> secret;
    secret.mutable_bytes()[0] = std::byte{7};
    return secret;
}

} // namespace

TEST_CASE("a handshake opens a session that can be resumed")
{
    const PrivateKey client = PrivateKey::generate();
    const PrivateKey server = PrivateKey::generate();
    Opening opening{ClientHandshake{
        {.own = client, .server = server.public_key(), .psk = PresharedKey::none()}}};
    std::array<std::byte, Opening::max_size> hello{};
    CHECK(opening.start(hello) == client_hello_size);

    ServerHandshake handshake{{.own = server}};
    REQUIRE(handshake.on_hello(Bytes{hello}.first(client_hello_size),
                               [](const PublicKey&) { return &PresharedKey::none(); }));
    std::array<std::byte, server_hello_size> reply{};
    auto theirs = handshake.reply(reply);
    REQUIRE(theirs);
    auto opened = opening.on_reply(reply);
    REQUIRE(opened);
    CHECK(opened->cipher == theirs->cipher);
    CHECK(opened->secrets.client_to_server == theirs->client_to_server);
    CHECK(opened->secrets.server_to_client == theirs->server_to_client);
    REQUIRE(opened->fresh);
    CHECK(opened->fresh->cipher == theirs->cipher);
    CHECK(opened->fresh->lanes.next() == LaneChain{std::move(theirs->session_secret)}.next());
}

TEST_CASE("a join opens a lane of the session's cipher and no new session")
{
    Opening opening{ClientJoin{LaneChain{session_secret()}.next()}, Cipher::aes256_gcm};
    std::array<std::byte, Opening::max_size> join{};
    CHECK(opening.start(join) == lane_join_size);

    LaneWindow window{session_secret()};
    std::array<std::byte, lane_accept_size> reply{};
    const auto theirs = window.accept(Bytes{join}.first(lane_join_size), reply);
    REQUIRE(theirs);
    const auto opened = opening.on_reply(reply);
    REQUIRE(opened);
    CHECK(opened->cipher == Cipher::aes256_gcm);
    CHECK(opened->secrets.client_to_server == theirs->client_to_server);
    CHECK_FALSE(opened->fresh);
}

TEST_CASE("an answer of the other kind is refused")
{
    const PrivateKey client = PrivateKey::generate();
    const PrivateKey server = PrivateKey::generate();
    Opening handshake{ClientHandshake{
        {.own = client, .server = server.public_key(), .psk = PresharedKey::none()}}};
    Opening join{ClientJoin{LaneChain{session_secret()}.next()}, Cipher::aes256_gcm};
    std::array<std::byte, Opening::max_size> unit{};
    REQUIRE(handshake.start(unit));
    REQUIRE(join.start(unit));

    std::array<std::byte, lane_accept_size> accept{};
    write_unit_header(accept, UnitType::lane_accept, accept.size() - unit_header_size);
    CHECK_FALSE(handshake.on_reply(accept));
    std::array<std::byte, server_hello_size> hello{};
    write_unit_header(hello, UnitType::server_hello, hello.size() - unit_header_size);
    CHECK_FALSE(join.on_reply(hello));
}
