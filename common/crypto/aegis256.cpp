#include "common/crypto/aegis256.hpp"

#include <cassert>
#include <cstdlib>
#include <sodium/crypto_aead_aes256gcm.h>

#if __has_include(<sodium/crypto_aead_aegis256.h>)
#include <sodium/crypto_aead_aegis256.h>
#endif

namespace braid {

#ifdef crypto_aead_aegis256_KEYBYTES

static_assert(aegis256::key_size == crypto_aead_aegis256_KEYBYTES);
static_assert(aegis256::nonce_size == crypto_aead_aegis256_NPUBBYTES);
static_assert(aegis256::tag_size == crypto_aead_aegis256_ABYTES);

bool aegis256::supported() noexcept
{
    // libsodium uses the same instructions for both, and asks the processor for them here.
    return crypto_aead_aes256gcm_is_available() != 0;
}

void aegis256::seal(const Secret<key_size>& key, Nonce nonce, Bytes associated,
                    MutBytes text) noexcept
{
    assert(text.size() >= tag_size);
    crypto_aead_aegis256_encrypt(uchars(text), nullptr, uchars(text), text.size() - tag_size,
                                 uchars(associated), associated.size(), nullptr, uchars(nonce),
                                 uchars(key.bytes()));
}

bool aegis256::open(const Secret<key_size>& key, Nonce nonce, Bytes associated,
                    MutBytes sealed) noexcept
{
    return crypto_aead_aegis256_decrypt(uchars(sealed), nullptr, nullptr, uchars(sealed),
                                        sealed.size(), uchars(associated), associated.size(),
                                        uchars(nonce), uchars(key.bytes())) == 0;
}

#else

bool aegis256::supported() noexcept
{
    return false;
}

void aegis256::seal(const Secret<key_size>&, Nonce, Bytes, MutBytes) noexcept
{
    std::abort(); // a programmer error, after which the plaintext would go out as it is
}

bool aegis256::open(const Secret<key_size>&, Nonce, Bytes, MutBytes) noexcept
{
    return false;
}

#endif

} // namespace braid
