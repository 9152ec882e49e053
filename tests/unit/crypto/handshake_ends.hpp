/// Both ends of a handshake, for the tests of what succeeds and of what is refused.
#pragma once

#include "common/crypto/handshake.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <utility>

namespace braid::test {

using Unit118 = std::array<std::byte, client_hello_size>;
using Unit69 = std::array<std::byte, server_hello_size>;

inline const CipherSet chacha_only = CipherSet{}.with(Cipher::chacha20_poly1305);
inline const CipherSet both_ciphers = chacha_only.with(Cipher::aes256_gcm);

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

[[nodiscard]] inline Unit118 hello_of(ClientHandshake& client)
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
[[nodiscard]] inline Answer answer(const Ends& ends, Bytes hello)
{
    auto server = ends.server_side();
    REQUIRE(server.on_hello(hello, ends.find()));
    Answer given;
    auto result = server.reply(given.unit);
    REQUIRE(result);
    given.result = std::move(*result);
    return given;
}

} // namespace braid::test
