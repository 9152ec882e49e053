#include "common/crypto/aead.hpp"

#include <array>
#include <cassert>
#include <cstring>
#include <sodium/crypto_aead_chacha20poly1305.h>

namespace braid {

namespace {

static_assert(Aead::tag_size == crypto_aead_chacha20poly1305_IETF_ABYTES);
static_assert(Aead::tag_size == crypto_aead_aes256gcm_ABYTES);
static_assert(Aead::key_size == crypto_aead_chacha20poly1305_IETF_KEYBYTES);
static_assert(Aead::key_size == crypto_aead_aes256gcm_KEYBYTES);

constexpr std::array best_first{Cipher::aes256_gcm, Cipher::chacha20_poly1305};

using Nonce = std::array<unsigned char, 12>;
static_assert(Nonce{}.size() == crypto_aead_chacha20poly1305_IETF_NPUBBYTES);
static_assert(Nonce{}.size() == crypto_aead_aes256gcm_NPUBBYTES);

/// 32 zero bits, then the counter in little-endian order.
[[nodiscard]] Nonce make_nonce(std::uint64_t counter) noexcept
{
    Nonce nonce{};
    for (std::size_t i = 4; i < nonce.size(); ++i, counter >>= 8)
        nonce[i] = static_cast<unsigned char>(counter & 0xff);
    return nonce;
}

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

std::string_view name(Cipher cipher) noexcept
{
    switch (cipher) {
    case Cipher::chacha20_poly1305: return "chacha20-poly1305";
    case Cipher::aes256_gcm: return "aes-256-gcm";
    }
    return "unknown";
}

CipherSet CipherSet::supported() noexcept
{
    const auto always = CipherSet{}.with(Cipher::chacha20_poly1305);
    return Aead::supported(Cipher::aes256_gcm) ? always.with(Cipher::aes256_gcm) : always;
}

std::optional<Cipher> choose_cipher(CipherSet offered, CipherSet accepted) noexcept
{
    for (const auto cipher : best_first)
        if (offered.contains(cipher) && accepted.contains(cipher)) return cipher;
    return std::nullopt;
}

std::optional<Cipher> find_cipher(std::uint8_t number, CipherSet set) noexcept
{
    for (const auto cipher : best_first)
        if (static_cast<std::uint8_t>(cipher) == number && set.contains(cipher)) return cipher;
    return std::nullopt;
}

bool Aead::supported(Cipher cipher) noexcept
{
    switch (cipher) {
    case Cipher::chacha20_poly1305: return true;
    case Cipher::aes256_gcm: return crypto_aead_aes256gcm_is_available() != 0;
    }
    return false;
}

Aead::Aead(Cipher cipher, const Secret<key_size>& key) noexcept : cipher_(cipher)
{
    assert(supported(cipher));
    switch (cipher) {
    case Cipher::chacha20_poly1305: key_ = Secret<key_size>{key.bytes()}; break;
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
    assert(tag_size <= out.size() - size);
    const Nonce number = make_nonce(nonce);
    unsigned char* text = uchars(out);
    switch (cipher_) {
    case Cipher::chacha20_poly1305:
        crypto_aead_chacha20poly1305_ietf_encrypt(text, nullptr, text, size, uchars(associated),
                                                  associated.size(), nullptr, number.data(),
                                                  uchars(key_.bytes()));
        break;
    case Cipher::aes256_gcm:
        crypto_aead_aes256gcm_encrypt_afternm(text, nullptr, text, size, uchars(associated),
                                              associated.size(), nullptr, number.data(), &aes_);
        break;
    }
    return size + tag_size;
}

Result<MutBytes> Aead::open(std::uint64_t nonce, Bytes associated, MutBytes sealed) const
{
    if (sealed.size() < tag_size) return fail(std::errc::bad_message, "open: shorter than a tag");
    const Nonce number = make_nonce(nonce);
    unsigned char* text = uchars(sealed);
    int status = -1;
    switch (cipher_) {
    case Cipher::chacha20_poly1305:
        status = crypto_aead_chacha20poly1305_ietf_decrypt(
            text, nullptr, nullptr, text, sealed.size(), uchars(associated), associated.size(),
            number.data(), uchars(key_.bytes()));
        break;
    case Cipher::aes256_gcm:
        status = crypto_aead_aes256gcm_decrypt_afternm(text, nullptr, nullptr, text, sealed.size(),
                                                       uchars(associated), associated.size(),
                                                       number.data(), &aes_);
        break;
    }
    if (status != 0) return fail(std::errc::bad_message, "open: not authentic");
    return sealed.first(sealed.size() - tag_size);
}

} // namespace braid
