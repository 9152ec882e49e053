/// Authenticated encryption with one key: one interface, and two makers of the same bytes.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/cipher.hpp"
#include "common/crypto/libcrypto_aead.hpp"
#include "common/crypto/secret.hpp"
#include "common/crypto/sodium_aead.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

namespace braid {

/// Whose code runs a cipher.
enum class AeadMaker : std::uint8_t {
    libsodium, ///< always there
    libcrypto, ///< OpenSSL's, where braid is built with it; has no AEGIS-256
};

/// Name and version as the library tells it at run time: "libcrypto 3.0.17".
[[nodiscard]] std::string library_of(AeadMaker maker);

/// One key of one cipher, expanded once. The nonce is zero bits and at its end a 64-bit
/// little-endian counter for every cipher; the caller never uses a number twice with one key to
/// seal. One that was moved from holds no key and is of no more use.
class Aead {
public:
    static constexpr std::size_t key_size = 32;

    /// False for the ciphers of AES without AES instructions, and for AEGIS-256 with a libsodium
    /// that has none. Valid after crypto::init().
    [[nodiscard]] static bool supported(Cipher cipher) noexcept;
    /// Whether this maker has a cipher that is supported.
    [[nodiscard]] static bool supported(Cipher cipher, AeadMaker maker) noexcept;

    /// The maker must support the cipher. Ends the program without memory.
    Aead(Cipher cipher, const Secret<key_size>& key,
         AeadMaker maker = AeadMaker::libsodium) noexcept;

    /// Encrypts the segments, one behind the other, into `out`, followed by the tag (tag_size of
    /// the cipher); yields the size of both. `out` must hold that. A segment that already lies at
    /// its place in `out` is not copied; any other overlap with `out` is a programmer error.
    std::size_t seal(std::uint64_t nonce, Bytes associated, std::span<const Bytes> segments,
                     MutBytes out) const noexcept;

    /// Decrypts ciphertext and tag in place; yields the plaintext, borrowed from `sealed`.
    /// Errors (bad_message): shorter than a tag; not authentic, and the text is zeroed then.
    [[nodiscard]] Result<MutBytes> open(std::uint64_t nonce, Bytes associated,
                                        MutBytes sealed) const;

    [[nodiscard]] Cipher cipher() const noexcept { return cipher_; }
    [[nodiscard]] AeadMaker maker() const noexcept;

private:
    using Made = std::variant<SodiumAead, LibcryptoAead>; ///< in the order of AeadMaker
    [[nodiscard]] static Made make(Cipher cipher, const Secret<key_size>& key,
                                   AeadMaker maker) noexcept;

    Cipher cipher_;
    Made made_;
};

} // namespace braid
