#include "common/crypto/aead.hpp"

#include "common/crypto/aegis256.hpp"

#include <array>
#include <cassert>
#include <cstring>
#include <sodium/crypto_aead_chacha20poly1305.h>

namespace braid {

namespace {

static_assert(tag_size(Cipher::chacha20_poly1305) == crypto_aead_chacha20poly1305_IETF_ABYTES);
static_assert(tag_size(Cipher::aes256_gcm) == crypto_aead_aes256gcm_ABYTES);
static_assert(tag_size(Cipher::aegis256) == aegis256::tag_size);
static_assert(Aead::key_size == crypto_aead_chacha20poly1305_IETF_KEYBYTES);
static_assert(Aead::key_size == crypto_aead_aes256gcm_KEYBYTES);
static_assert(Aead::key_size == aegis256::key_size);

constexpr std::size_t short_nonce_size = 12;
static_assert(short_nonce_size == crypto_aead_chacha20poly1305_IETF_NPUBBYTES);
static_assert(short_nonce_size == crypto_aead_aes256gcm_NPUBBYTES);

/// Zero bits, and at the end the counter in little-endian order.
class Nonce {
public:
    explicit Nonce(std::uint64_t counter) noexcept
    {
        for (std::size_t i = bytes_.size() - sizeof counter; i < bytes_.size(); ++i, counter >>= 8)
            bytes_[i] = static_cast<std::byte>(counter & 0xff);
    }
    [[nodiscard]] aegis256::Nonce whole() const noexcept { return bytes_; }
    [[nodiscard]] const unsigned char* last_12() const noexcept
    {
        return uchars(Bytes{bytes_}.last<short_nonce_size>());
    }

private:
    std::array<std::byte, aegis256::nonce_size> bytes_{};
};

/// Puts the segments where their ciphertext will be; yields their size together.
[[nodiscard]] std::size_t gather(std::span<const Bytes> segments, MutBytes out) noexcept
{
    std::size_t used = 0;
    for (const Bytes segment : segments) {
        assert(segment.size() <= out.size() - used);
        std::byte* place = out.data() + used;
        if (!segment.empty() && segment.data() != place)
            std::memcpy(place, segment.data(), segment.size());
        used += segment.size();
    }
    return used;
}

} // namespace

bool Aead::supported(Cipher cipher) noexcept
{
    switch (cipher) {
    case Cipher::chacha20_poly1305: return true;
    case Cipher::aes256_gcm: return crypto_aead_aes256gcm_is_available() != 0;
    case Cipher::aegis256: return aegis256::supported();
    }
    return false;
}

Aead::Aead(Cipher cipher, const Secret<key_size>& key) noexcept : cipher_(cipher)
{
    assert(supported(cipher));
    switch (cipher) {
    case Cipher::chacha20_poly1305:
    case Cipher::aegis256: key_ = Secret<key_size>{key.bytes()}; break;
    case Cipher::aes256_gcm: crypto_aead_aes256gcm_beforenm(&aes_, uchars(key.bytes())); break;
    }
}

Aead::Aead(Aead&& other) noexcept
    : cipher_(other.cipher_), key_(std::move(other.key_)), aes_(other.aes_)
{
    other.clear();
}

Aead& Aead::operator=(Aead&& other) noexcept
{
    if (this == &other) return *this;
    cipher_ = other.cipher_;
    key_ = std::move(other.key_);
    aes_ = other.aes_;
    other.clear();
    return *this;
}

Aead::~Aead()
{
    clear();
}

void Aead::clear() noexcept
{
    key_.clear();
    wipe(std::as_writable_bytes(std::span{&aes_, 1}));
}

std::size_t Aead::seal(std::uint64_t nonce, Bytes associated, std::span<const Bytes> segments,
                       MutBytes out) const noexcept
{
    const std::size_t size = gather(segments, out);
    const std::size_t sealed_size = size + tag_size(cipher_);
    assert(sealed_size <= out.size());
    const Nonce number{nonce};
    unsigned char* text = uchars(out);
    switch (cipher_) {
    case Cipher::chacha20_poly1305:
        crypto_aead_chacha20poly1305_ietf_encrypt(text, nullptr, text, size, uchars(associated),
                                                  associated.size(), nullptr, number.last_12(),
                                                  uchars(key_.bytes()));
        break;
    case Cipher::aes256_gcm:
        crypto_aead_aes256gcm_encrypt_afternm(text, nullptr, text, size, uchars(associated),
                                              associated.size(), nullptr, number.last_12(), &aes_);
        break;
    case Cipher::aegis256:
        aegis256::seal(key_, number.whole(), associated, out.first(sealed_size));
        break;
    }
    return sealed_size;
}

Result<MutBytes> Aead::open(std::uint64_t nonce, Bytes associated, MutBytes sealed) const
{
    if (sealed.size() < tag_size(cipher_))
        return fail(std::errc::bad_message, "open: shorter than a tag");
    const Nonce number{nonce};
    unsigned char* text = uchars(sealed);
    bool good = false;
    switch (cipher_) {
    case Cipher::chacha20_poly1305:
        good = crypto_aead_chacha20poly1305_ietf_decrypt(
                   text, nullptr, nullptr, text, sealed.size(), uchars(associated),
                   associated.size(), number.last_12(), uchars(key_.bytes())) == 0;
        break;
    case Cipher::aes256_gcm:
        good = crypto_aead_aes256gcm_decrypt_afternm(text, nullptr, nullptr, text, sealed.size(),
                                                     uchars(associated), associated.size(),
                                                     number.last_12(), &aes_) == 0;
        break;
    case Cipher::aegis256: good = aegis256::open(key_, number.whole(), associated, sealed); break;
    }
    if (!good) return fail(std::errc::bad_message, "open: not authentic");
    return sealed.first(sealed.size() - tag_size(cipher_));
}

} // namespace braid
