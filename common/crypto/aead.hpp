/// Authenticated encryption with one key, by libsodium.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <sodium/crypto_aead_aes256gcm.h>
#include <span>
#include <string_view>
#include <utility>

namespace braid {

/// Numbers as on the wire.
enum class Cipher : std::uint8_t { chacha20_poly1305 = 1, aes256_gcm = 2 };

/// "chacha20-poly1305", "aes-256-gcm": for logs and status.
[[nodiscard]] std::string_view name(Cipher cipher) noexcept;

/// A set of ciphers as the client hello carries it: bit `number - 1` of one byte. Bits that
/// this version does not know are kept, because the handshake authenticates the whole byte.
class CipherSet {
public:
    constexpr CipherSet() noexcept = default;
    explicit constexpr CipherSet(std::uint8_t bits) noexcept : bits_(bits) {}

    /// What this machine does at full speed; never empty.
    [[nodiscard]] static CipherSet supported() noexcept;

    [[nodiscard]] constexpr CipherSet with(Cipher cipher) const noexcept
    {
        return CipherSet{static_cast<std::uint8_t>(bits_ | bit(cipher))};
    }
    [[nodiscard]] constexpr bool contains(Cipher cipher) const noexcept
    {
        return (bits_ & bit(cipher)) != 0;
    }
    [[nodiscard]] constexpr std::uint8_t bits() const noexcept { return bits_; }

    bool operator==(const CipherSet&) const noexcept = default;

private:
    [[nodiscard]] static constexpr std::uint8_t bit(Cipher cipher) noexcept
    {
        return static_cast<std::uint8_t>(1U << (static_cast<unsigned>(cipher) - 1U));
    }
    std::uint8_t bits_ = 0;
};

/// The best cipher in both sets (AES-256-GCM before ChaCha20-Poly1305), if there is one.
[[nodiscard]] std::optional<Cipher> choose_cipher(CipherSet offered, CipherSet accepted) noexcept;

/// The cipher with this number, if it is in the set.
[[nodiscard]] std::optional<Cipher> find_cipher(std::uint8_t number, CipherSet set) noexcept;

/// One key of one cipher, expanded once. The nonce is 32 zero bits and a 64-bit little-endian
/// counter for every cipher; the caller never uses a number twice with one key to seal.
class Aead {
public:
    static constexpr std::size_t key_size = 32;
    static constexpr std::size_t tag_size = 16;

    /// False for AES-256-GCM without AES instructions. Valid after crypto::init().
    [[nodiscard]] static bool supported(Cipher cipher) noexcept;

    /// The cipher must be supported.
    Aead(Cipher cipher, const Secret<key_size>& key) noexcept;
    Aead(Aead&& other) noexcept;
    Aead& operator=(Aead&& other) noexcept;
    Aead(const Aead&) = delete;
    Aead& operator=(const Aead&) = delete;
    ~Aead();

    /// Encrypts the segments, one behind the other, into `out`, followed by the tag; yields the
    /// size of both. `out` must hold that. A segment that already lies at its place in `out`
    /// is not copied; any other overlap with `out` is a programmer error.
    std::size_t seal(std::uint64_t nonce, Bytes associated, std::span<const Bytes> segments,
                     MutBytes out) const noexcept;

    /// Decrypts ciphertext and tag in place; yields the plaintext, borrowed from `sealed`.
    /// Errors (bad_message): shorter than a tag, or not authentic.
    [[nodiscard]] Result<MutBytes> open(std::uint64_t nonce, Bytes associated,
                                        MutBytes sealed) const;

    [[nodiscard]] Cipher cipher() const noexcept { return cipher_; }

private:
    void clear() noexcept;

    Cipher cipher_;
    Secret<key_size> key_;              ///< ChaCha20-Poly1305
    crypto_aead_aes256gcm_state aes_{}; ///< AES-256-GCM
};

} // namespace braid
