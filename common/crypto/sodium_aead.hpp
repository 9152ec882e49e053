/// One key of one cipher, by libsodium. Only Aead uses it.
#pragma once

#include "common/base/bytes.hpp"
#include "common/crypto/aead_nonce.hpp"
#include "common/crypto/cipher.hpp"
#include "common/crypto/secret.hpp"

#include <sodium/crypto_aead_aes256gcm.h>
#include <span>

namespace braid {

/// See Aead. Every buffer has the size that the caller says it has.
class SodiumAead {
public:
    /// Valid after crypto::init().
    [[nodiscard]] static bool supported(Cipher cipher) noexcept;

    SodiumAead(Cipher cipher, const Secret<32>& key) noexcept;
    SodiumAead(SodiumAead&& other) noexcept;
    SodiumAead& operator=(SodiumAead&& other) noexcept;
    SodiumAead(const SodiumAead&) = delete;
    SodiumAead& operator=(const SodiumAead&) = delete;
    ~SodiumAead();

    /// `out` has the size of the segments and the tag. libsodium takes a text in one piece: the
    /// segments are copied to their places first.
    void seal(const AeadNonce& nonce, Bytes associated, std::span<const Bytes> segments,
              MutBytes out) const noexcept;
    /// `sealed` has a tag at least. False: not authentic.
    [[nodiscard]] bool open(const AeadNonce& nonce, Bytes associated,
                            MutBytes sealed) const noexcept;

private:
    void clear() noexcept;

    Cipher cipher_;
    Secret<32> key_;                    ///< ChaCha20-Poly1305 and AEGIS-256
    crypto_aead_aes256gcm_state aes_{}; ///< AES-256-GCM
};

} // namespace braid
