/// One key of one cipher, by OpenSSL's libcrypto where braid is built with it. Only Aead and
/// crypto::init() use it.
#pragma once

#include "common/base/bytes.hpp"
#include "common/crypto/aead_nonce.hpp"
#include "common/crypto/cipher.hpp"
#include "common/crypto/secret.hpp"

#include <memory>
#include <span>
#include <string>

struct evp_cipher_ctx_st; // EVP_CIPHER_CTX

namespace braid {

/// Makes libcrypto ready without its config file: what a file says must not change what carries
/// the keys, and a confined daemon could not read it. Harmless when repeated.
void prepare_libcrypto() noexcept;

/// As "3.0.17"; empty where braid is built without it.
[[nodiscard]] std::string libcrypto_version();

/// See Aead. Every buffer has the size that the caller says it has. One that was moved from opens
/// nothing, and ends the program when it is to seal.
class LibcryptoAead {
public:
    /// Not AEGIS-256. Valid after prepare_libcrypto().
    [[nodiscard]] static bool supported(Cipher cipher) noexcept;

    /// Ends the program without memory.
    LibcryptoAead(Cipher cipher, const Secret<32>& key) noexcept;

    /// `out` has the size of the segments and the tag. Only short segments are copied first.
    void seal(const AeadNonce& nonce, Bytes associated, std::span<const Bytes> segments,
              MutBytes out) const noexcept;
    /// `sealed` has a tag at least. False: not authentic.
    [[nodiscard]] bool open(const AeadNonce& nonce, Bytes associated,
                            MutBytes sealed) const noexcept;

private:
    struct Free {
        void operator()(evp_cipher_ctx_st* context) const noexcept; ///< wipes it
    };
    /// Holds the key, expanded once, and the state of the record at hand.
    std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

} // namespace braid
