/// Authenticated encryption with one key, by libsodium.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/cipher.hpp"
#include "common/crypto/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <sodium/crypto_aead_aes256gcm.h>
#include <span>

namespace braid {

/// One key of one cipher, expanded once. The nonce is zero bits and at its end a 64-bit
/// little-endian counter for every cipher; the caller never uses a number twice with one key to
/// seal.
class Aead {
public:
    static constexpr std::size_t key_size = 32;

    /// False for the ciphers of AES without AES instructions, and for AEGIS-256 with a libsodium
    /// that has none. Valid after crypto::init().
    [[nodiscard]] static bool supported(Cipher cipher) noexcept;

    /// The cipher must be supported.
    Aead(Cipher cipher, const Secret<key_size>& key) noexcept;
    Aead(Aead&& other) noexcept;
    Aead& operator=(Aead&& other) noexcept;
    Aead(const Aead&) = delete;
    Aead& operator=(const Aead&) = delete;
    ~Aead();

    /// Encrypts the segments, one behind the other, into `out`, followed by the tag (tag_size of
    /// the cipher); yields the size of both. `out` must hold that. A segment that already lies at
    /// its place in `out` is not copied; any other overlap with `out` is a programmer error.
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
    Secret<key_size> key_;              ///< ChaCha20-Poly1305 and AEGIS-256
    crypto_aead_aes256gcm_state aes_{}; ///< AES-256-GCM
};

} // namespace braid
