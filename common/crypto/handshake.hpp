/// The handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b in one round trip, without I/O.
/// PROTOCOL.md, "Handshake". The client knows the server's public key; the server learns the
/// client's from the encrypted first message. Messages are whole units, header included.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/aead.hpp"
#include "common/crypto/handshake_fault.hpp"
#include "common/crypto/keys.hpp"
#include "common/crypto/noise.hpp"
#include "common/crypto/secret.hpp"
#include "common/crypto/unit.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace braid {

constexpr std::uint8_t protocol_version = 1;

/// Header; version and ciphers; e; s and tag; reserved 16 bytes and tag.
constexpr std::size_t client_hello_size = unit_header_size + 2 + 32 + 48 + 32;
/// Header; e; cipher, session id and tag.
constexpr std::size_t server_hello_size = unit_header_size + 32 + 17 + 16;

using SessionId = std::array<std::byte, 16>;

/// What a handshake yields. The client must confirm it: until the first record from the client
/// has been opened, the server may hold this, but must not let it replace anything, since the
/// hello could be a replay.
struct HandshakeResult {
    PublicKey peer;
    Cipher cipher = Cipher::chacha20_poly1305;
    SessionId id{};              ///< random, from the server; not a secret
    Secret<32> client_to_server; ///< for RecordSealer and RecordOpener
    Secret<32> server_to_client;
    Secret<32> session_secret; ///< for further lanes (derive)
    NoiseHash transcript{};    ///< binds to this handshake; not a secret
};

struct ClientHandshakeConfig {
    const PrivateKey& own; ///< these three must outlive the handshake
    const PublicKey& server;
    const PresharedKey& psk; ///< PresharedKey::none() without one
    CipherSet offered = CipherSet::supported();
    FillRandom random = fill_random;
};

/// The client's side. Each step succeeds once:
///
///   new --start--> awaiting reply --on_reply ok--> done
class ClientHandshake {
public:
    explicit ClientHandshake(ClientHandshakeConfig config) : config_(std::move(config)) {}

    /// Writes the client hello to `out` (client_hello_size bytes at least); yields its size.
    /// Errors: not_authentic, the server's configured key is of low order; malformed, started
    /// before.
    [[nodiscard]] Result<std::size_t> start(MutBytes out);

    /// Takes the server hello. After an error nothing has changed.
    /// Errors: malformed; not_authentic (the server holds another key or psk, or somebody
    /// tampered); no_common_cipher (it chose one that was not offered).
    [[nodiscard]] Result<HandshakeResult> on_reply(Bytes unit);

private:
    ClientHandshakeConfig config_;
    NoiseState noise_;
    std::optional<PrivateKey> ephemeral_; ///< present while a reply is awaited
    bool started_ = false;
};

/// The pre-shared key of a client that may connect (PresharedKey::none() without one), null for
/// a stranger. What it points to must live until reply().
using FindClient = std::function<const PresharedKey*(const PublicKey&)>;

struct ServerHandshakeConfig {
    const PrivateKey& own; ///< must outlive the handshake
    CipherSet accepted = CipherSet::supported();
    FillRandom random = fill_random;
};

/// The server's side. Each step succeeds once:
///
///   new --on_hello ok--> hello verified --reply ok--> done
class ServerHandshake {
public:
    explicit ServerHandshake(ServerHandshakeConfig config) : config_(std::move(config)) {}

    /// Takes the client hello; yields the client's key, whose private half the sender of the
    /// hello (or of the recording of it) held. Calls `find` only with such keys, so that
    /// strangers cannot probe by timing who is listed. After an error nothing has changed.
    /// Costs two X25519 operations. Errors: every handshake_fault.
    [[nodiscard]] Result<PublicKey> on_hello(Bytes unit, const FindClient& find);

    /// Writes the server hello to `out` (server_hello_size bytes). See HandshakeResult for what
    /// the result may be used for. Costs three X25519 operations.
    /// Errors: malformed, no hello was taken; not_authentic, the client's ephemeral key is of
    /// low order.
    [[nodiscard]] Result<HandshakeResult> reply(MutBytes out);

private:
    enum class State {
        fresh,    ///< no hello was accepted
        verified, ///< a reply is due
        done,
    };

    ServerHandshakeConfig config_;
    State state_ = State::fresh;
    NoiseState noise_;
    PublicKey client_;
    PublicKey client_ephemeral_;
    const PresharedKey* psk_ = nullptr;
    Cipher cipher_ = Cipher::chacha20_poly1305;
};

} // namespace braid
