/// The keys that name and authenticate machines: X25519 pairs and pre-shared keys. Their text
/// form is base64 with padding (RFC 4648 section 4), 44 characters, as WireGuard writes it.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/locked_secret.hpp"
#include "common/crypto/secret.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace braid {

namespace crypto {
/// Prepares libsodium and libcrypto; call once before anything else of common/crypto. Harmless when
/// repeated. Errors (io_error): the system has no source of randomness.
[[nodiscard]] Status init();
} // namespace crypto

constexpr std::size_t key_size = 32;      ///< of every key here, in bytes
constexpr std::size_t key_text_size = 44; ///< of its base64 text

/// The base64 text of a secret key, without newline.
using KeyText = Secret<key_text_size>;
/// The same as characters, borrowed from `text`.
[[nodiscard]] std::string_view view(const KeyText& text) noexcept;

/// The public half of a pair: the name of a peer.
class PublicKey {
public:
    PublicKey() noexcept = default; ///< all zeros: no peer's key
    explicit PublicKey(std::span<const std::byte, key_size> bytes) noexcept;

    /// Errors (invalid_argument): not 44 characters of canonical base64. The text is not
    /// repeated in the error: people paste private keys by mistake.
    [[nodiscard]] static Result<PublicKey> parse(std::string_view text);

    [[nodiscard]] std::span<const std::byte, key_size> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::string text() const;

    auto operator<=>(const PublicKey&) const noexcept = default;

private:
    std::array<std::byte, key_size> bytes_{};
};

/// A secret X25519 scalar, with its public key at hand. One that was parsed, and so will stay, is
/// in locked memory; a generated one is not, as that costs as much as an X25519 operation and
/// every handshake has an ephemeral key.
class PrivateKey {
public:
    explicit PrivateKey(Secret<key_size> scalar) noexcept;

    [[nodiscard]] static PrivateKey generate(const FillRandom& random = fill_random);
    /// Accepts one trailing newline, as a key file has it.
    /// Errors (invalid_argument): as PublicKey::parse.
    [[nodiscard]] static Result<PrivateKey> parse(std::string_view text);

    [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }
    [[nodiscard]] KeyText text() const;
    /// See LockedSecret::lock. Nothing for a generated key.
    void lock() const noexcept;

    /// The X25519 shared secret (RFC 7748).
    /// Errors (invalid_argument): the other key is of low order, so that everybody would know
    /// the result.
    [[nodiscard]] Result<Secret<key_size>> agree(const PublicKey& other) const;

private:
    explicit PrivateKey(LockedSecret scalar) noexcept;
    [[nodiscard]] std::span<const std::byte, key_size> scalar() const noexcept;

    std::variant<Secret<key_size>, LockedSecret> scalar_;
    PublicKey public_key_;
};

/// A secret that both peers hold besides their pairs, in locked memory. A peer without one uses
/// none(), as the handshake has no form without.
class PresharedKey {
public:
    PresharedKey() noexcept = default; ///< all zeros: stands for "not configured"
    explicit PresharedKey(const Secret<key_size>& key) : key_(key) {}

    [[nodiscard]] static const PresharedKey& none() noexcept;
    [[nodiscard]] static PresharedKey generate(const FillRandom& random = fill_random);
    /// Accepts one trailing newline. Errors (invalid_argument): as PublicKey::parse.
    [[nodiscard]] static Result<PresharedKey> parse(std::string_view text);

    [[nodiscard]] std::span<const std::byte, key_size> bytes() const noexcept
    {
        return key_.bytes();
    }
    /// See LockedSecret::lock.
    void lock() const noexcept { key_.lock(); }
    [[nodiscard]] KeyText text() const;

private:
    LockedSecret key_;
};

} // namespace braid
