#include "common/crypto/handshake.hpp"

#include <algorithm>
#include <cassert>
#include <string>

namespace braid {

namespace {

constexpr std::string_view noise_name = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b";
constexpr std::string_view prologue_name = "braid";

constexpr std::size_t sealed_key_size = key_size + noise_tag_size;
constexpr std::size_t reserved_size = 16;
constexpr std::size_t hello_noise_offset = unit_header_size + 2;
constexpr std::size_t reply_payload_size = 1 + SessionId{}.size();

/// Noise's prologue: the protocol's name and what of the hello is sent in the clear.
[[nodiscard]] NoiseState begin(std::uint8_t version, CipherSet offered, const PublicKey& server)
{
    std::array<std::byte, prologue_name.size() + 2> prologue{};
    WireWriter writer{prologue};
    writer.bytes(as_bytes(prologue_name));
    writer.u8(version);
    writer.u8(offered.bits());
    assert(writer.ok());

    NoiseState noise;
    noise.begin(noise_name, prologue);
    noise.mix_hash(server.bytes()); // pre-message <- s
    return noise;
}

/// The token "e": with a psk in the pattern, e is also mixed into the key.
void mix_ephemeral(NoiseState& noise, const PublicKey& ephemeral)
{
    noise.mix_hash(ephemeral.bytes());
    noise.mix_key(ephemeral.bytes());
}

/// The tokens "ee", "es", "se", "ss".
[[nodiscard]] Status mix_agreement(NoiseState& noise, const PrivateKey& own, const PublicKey& other)
{
    const auto shared = own.agree(other);
    if (!shared) return fail(handshake_fault::not_authentic, "handshake: " + shared.error().what);
    noise.mix_key(shared->bytes());
    return {};
}

/// What the clear part of a client hello offers.
[[nodiscard]] Result<CipherSet> check_hello(Bytes unit)
{
    // The version comes first: what follows may change with it, the size too.
    if (unit.size() <= unit_header_size)
        return fail(handshake_fault::malformed, "client hello: malformed");
    WireReader in{unit.subspan(unit_header_size)};
    if (const auto version = in.u8(); version != protocol_version)
        return fail(handshake_fault::wrong_version,
                    "client hello: version " + std::to_string(version));
    if (!is_unit(unit, UnitType::client_hello, client_hello_size))
        return fail(handshake_fault::malformed, "client hello: malformed");
    return CipherSet{in.u8()};
}

/// The server's tokens e, es, s, ss and the payload, which proves that the sender holds the key.
[[nodiscard]] Result<PublicKey> read_client(NoiseState& noise, const PrivateKey& own,
                                            const PublicKey& ephemeral, Bytes sealed)
{
    mix_ephemeral(noise, ephemeral);
    if (auto es = mix_agreement(noise, own, ephemeral); !es)
        return fail(std::move(es.error()), "client hello");
    std::array<std::byte, key_size> client_bytes{};
    if (!noise.decrypt_and_hash(sealed.first(sealed_key_size), client_bytes))
        return fail(handshake_fault::not_authentic, "client hello: not for this server's key");

    const PublicKey client{client_bytes};
    if (auto ss = mix_agreement(noise, own, client); !ss)
        return fail(std::move(ss.error()), "client hello");
    std::array<std::byte, reserved_size> reserved{};
    if (!noise.decrypt_and_hash(sealed.subspan(sealed_key_size), reserved))
        return fail(handshake_fault::not_authentic, "client hello: not authentic");
    return client;
}

[[nodiscard]] HandshakeResult make_result(const NoiseState& noise, const PublicKey& peer,
                                          Cipher cipher, const SessionId& id)
{
    auto keys = noise.split();
    return {.peer = peer,
            .cipher = cipher,
            .id = id,
            .client_to_server = std::move(keys.initiator_to_responder),
            .server_to_client = std::move(keys.responder_to_initiator),
            .session_secret = std::move(keys.extra),
            .transcript = noise.hash()};
}

} // namespace

Result<std::size_t> ClientHandshake::start(MutBytes out)
{
    assert(out.size() >= client_hello_size);
    if (started_) return fail(handshake_fault::malformed, "client hello: sent before");

    auto noise = begin(protocol_version, config_.offered, config_.server);
    auto ephemeral = PrivateKey::generate(config_.random);
    WireWriter writer{out.first(client_hello_size)};
    write_unit_header(writer.skip(unit_header_size), UnitType::client_hello,
                      client_hello_size - unit_header_size);
    writer.u8(protocol_version);
    writer.u8(config_.offered.bits());
    writer.bytes(ephemeral.public_key().bytes());
    mix_ephemeral(noise, ephemeral.public_key());

    if (auto es = mix_agreement(noise, ephemeral, config_.server); !es)
        return fail(std::move(es.error()), "client hello");
    noise.encrypt_and_hash(config_.own.public_key().bytes(), writer.skip(sealed_key_size));
    if (auto ss = mix_agreement(noise, config_.own, config_.server); !ss)
        return fail(std::move(ss.error()), "client hello");
    constexpr std::array<std::byte, reserved_size> reserved{};
    noise.encrypt_and_hash(reserved, writer.skip(reserved_size + noise_tag_size));
    assert(writer.ok());

    started_ = true;
    noise_ = std::move(noise);
    ephemeral_ = std::move(ephemeral);
    return client_hello_size;
}

Result<HandshakeResult> ClientHandshake::on_reply(Bytes unit)
{
    if (!ephemeral_) return fail(handshake_fault::malformed, "server hello: not expected");
    if (!is_unit(unit, UnitType::server_hello, server_hello_size))
        return fail(handshake_fault::malformed, "server hello: malformed");

    WireReader in{unit.subspan(unit_header_size)};
    const PublicKey server_ephemeral{in.array<key_size>()};
    auto noise = noise_.clone();
    mix_ephemeral(noise, server_ephemeral);
    if (auto ee = mix_agreement(noise, *ephemeral_, server_ephemeral); !ee)
        return fail(std::move(ee.error()), "server hello");
    if (auto se = mix_agreement(noise, config_.own, server_ephemeral); !se)
        return fail(std::move(se.error()), "server hello");
    noise.mix_key_and_hash(config_.psk.bytes());

    std::array<std::byte, reply_payload_size> payload{};
    if (!noise.decrypt_and_hash(in.rest(), payload))
        return fail(handshake_fault::not_authentic, "server hello: not authentic",
                    "compare the server's public key and the preshared key on both ends");
    WireReader fields{payload};
    const auto cipher = find_cipher(fields.u8(), config_.offered);
    if (!cipher)
        return fail(handshake_fault::no_common_cipher, "server hello: cipher was not offered");
    const auto id = fields.array<SessionId{}.size()>();

    ephemeral_.reset();
    noise_ = {};
    return make_result(noise, config_.server, *cipher, id);
}

Result<PublicKey> ServerHandshake::on_hello(Bytes unit, const FindClient& find)
{
    if (state_ != State::fresh)
        return fail(handshake_fault::malformed, "client hello: not expected");
    const auto offered = check_hello(unit);
    if (!offered) return fail(offered.error());
    const auto cipher = choose_cipher(*offered, config_.accepted);
    if (!cipher) return fail(handshake_fault::no_common_cipher, "client hello: no common cipher");

    auto noise = begin(protocol_version, *offered, config_.own.public_key());
    WireReader in{unit.subspan(hello_noise_offset)};
    const PublicKey ephemeral{in.array<key_size>()};
    const auto client = read_client(noise, config_.own, ephemeral, in.rest());
    if (!client) return fail(client.error());
    const PresharedKey* psk = find(*client);
    if (psk == nullptr)
        return fail(handshake_fault::unknown_client, "client hello: unknown client");

    noise_ = std::move(noise);
    client_ = *client;
    client_ephemeral_ = ephemeral;
    psk_ = psk;
    cipher_ = *cipher;
    state_ = State::verified;
    return client_;
}

Result<HandshakeResult> ServerHandshake::reply(MutBytes out)
{
    assert(out.size() >= server_hello_size);
    if (state_ != State::verified)
        return fail(handshake_fault::malformed, "server hello: no client hello was taken");

    auto noise = noise_.clone();
    const auto ephemeral = PrivateKey::generate(config_.random);
    mix_ephemeral(noise, ephemeral.public_key());
    if (auto ee = mix_agreement(noise, ephemeral, client_ephemeral_); !ee)
        return fail(std::move(ee.error()), "server hello");
    if (auto se = mix_agreement(noise, ephemeral, client_); !se)
        return fail(std::move(se.error()), "server hello");
    noise.mix_key_and_hash(psk_->bytes());

    SessionId id{};
    config_.random(id);
    std::array<std::byte, reply_payload_size> payload{};
    WireWriter fields{payload};
    fields.u8(static_cast<std::uint8_t>(cipher_));
    fields.bytes(id);

    WireWriter writer{out.first(server_hello_size)};
    write_unit_header(writer.skip(unit_header_size), UnitType::server_hello,
                      server_hello_size - unit_header_size);
    writer.bytes(ephemeral.public_key().bytes());
    noise.encrypt_and_hash(payload, writer.skip(reply_payload_size + noise_tag_size));
    assert(fields.ok() && writer.ok());

    state_ = State::done;
    noise_ = {};
    return make_result(noise, client_, cipher_, id);
}

} // namespace braid
