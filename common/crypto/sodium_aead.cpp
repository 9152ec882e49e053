#include "common/crypto/sodium_aead.hpp"

#include "common/crypto/aegis256.hpp"

#include <cassert>
#include <cstring>
#include <sodium/crypto_aead_chacha20poly1305.h>
#include <utility>

namespace braid {

namespace {

static_assert(tag_size(Cipher::chacha20_poly1305) == crypto_aead_chacha20poly1305_IETF_ABYTES);
static_assert(tag_size(Cipher::aes256_gcm) == crypto_aead_aes256gcm_ABYTES);
static_assert(tag_size(Cipher::aegis256) == aegis256::tag_size);
static_assert(Secret<32>::size == crypto_aead_chacha20poly1305_IETF_KEYBYTES);
static_assert(Secret<32>::size == crypto_aead_aes256gcm_KEYBYTES);
static_assert(Secret<32>::size == aegis256::key_size);
static_assert(AeadNonce::short_size == crypto_aead_chacha20poly1305_IETF_NPUBBYTES);
static_assert(AeadNonce::short_size == crypto_aead_aes256gcm_NPUBBYTES);
static_assert(AeadNonce::size == aegis256::nonce_size);

/// Puts the segments where their ciphertext will be.
void gather(std::span<const Bytes> segments, MutBytes out) noexcept
{
    std::size_t used = 0;
    for (const Bytes segment : segments) {
        std::byte* place = out.data() + used;
        if (!segment.empty() && segment.data() != place)
            std::memcpy(place, segment.data(), segment.size());
        used += segment.size();
    }
}

} // namespace

bool SodiumAead::supported(Cipher cipher) noexcept
{
    switch (cipher) {
    case Cipher::chacha20_poly1305: return true;
    case Cipher::aes256_gcm: return crypto_aead_aes256gcm_is_available() != 0;
    case Cipher::aegis256: return aegis256::supported();
    }
    return false;
}

SodiumAead::SodiumAead(Cipher cipher, const Secret<32>& key) noexcept : cipher_(cipher)
{
    switch (cipher) {
    case Cipher::chacha20_poly1305:
    case Cipher::aegis256: key_ = Secret<32>{key.bytes()}; break;
    case Cipher::aes256_gcm: crypto_aead_aes256gcm_beforenm(&aes_, uchars(key.bytes())); break;
    }
}

SodiumAead::SodiumAead(SodiumAead&& other) noexcept
    : cipher_(other.cipher_), key_(std::move(other.key_)), aes_(other.aes_)
{
    other.clear();
}

SodiumAead& SodiumAead::operator=(SodiumAead&& other) noexcept
{
    if (this == &other) return *this;
    cipher_ = other.cipher_;
    key_ = std::move(other.key_);
    aes_ = other.aes_;
    other.clear();
    return *this;
}

SodiumAead::~SodiumAead()
{
    clear();
}

void SodiumAead::clear() noexcept
{
    key_.clear();
    wipe(std::as_writable_bytes(std::span{&aes_, 1}));
}

void SodiumAead::seal(const AeadNonce& nonce, Bytes associated, std::span<const Bytes> segments,
                      MutBytes out) const noexcept
{
    gather(segments, out);
    const std::size_t size = out.size() - tag_size(cipher_);
    unsigned char* text = uchars(out);
    switch (cipher_) {
    case Cipher::chacha20_poly1305:
        crypto_aead_chacha20poly1305_ietf_encrypt(text, nullptr, text, size, uchars(associated),
                                                  associated.size(), nullptr, nonce.last_12(),
                                                  uchars(key_.bytes()));
        break;
    case Cipher::aes256_gcm:
        crypto_aead_aes256gcm_encrypt_afternm(text, nullptr, text, size, uchars(associated),
                                              associated.size(), nullptr, nonce.last_12(), &aes_);
        break;
    case Cipher::aegis256: aegis256::seal(key_, nonce.whole(), associated, out); break;
    }
}

bool SodiumAead::open(const AeadNonce& nonce, Bytes associated, MutBytes sealed) const noexcept
{
    unsigned char* text = uchars(sealed);
    switch (cipher_) {
    case Cipher::chacha20_poly1305:
        return crypto_aead_chacha20poly1305_ietf_decrypt(
                   text, nullptr, nullptr, text, sealed.size(), uchars(associated),
                   associated.size(), nonce.last_12(), uchars(key_.bytes())) == 0;
    case Cipher::aes256_gcm:
        return crypto_aead_aes256gcm_decrypt_afternm(text, nullptr, nullptr, text, sealed.size(),
                                                     uchars(associated), associated.size(),
                                                     nonce.last_12(), &aes_) == 0;
    case Cipher::aegis256: return aegis256::open(key_, nonce.whole(), associated, sealed);
    }
    return false;
}

} // namespace braid
