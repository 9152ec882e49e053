#include "common/crypto/keys.hpp"

#include "common/crypto/libcrypto_aead.hpp"

#include <cstring>
#include <sodium/core.h>
#include <sodium/crypto_scalarmult_curve25519.h>
#include <sodium/utils.h>

namespace braid {

namespace {

static_assert(sodium_base64_ENCODED_LEN(key_size, sodium_base64_VARIANT_ORIGINAL) ==
              key_text_size + 1);

using TextWithNul = Secret<key_text_size + 1>;

[[nodiscard]] TextWithNul encode(std::span<const std::byte, key_size> key)
{
    TextWithNul text;
    auto* characters = reinterpret_cast<char*>(text.mutable_bytes().data());
    sodium_bin2base64(characters, TextWithNul::size, uchars(key), key.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    return text;
}

[[nodiscard]] KeyText encode_key_text(std::span<const std::byte, key_size> key)
{
    return KeyText{encode(key).bytes().first<key_text_size>()};
}

/// False unless the text is exactly the canonical form of 32 bytes.
[[nodiscard]] bool decode(std::string_view text, std::span<std::byte, key_size> key)
{
    std::size_t decoded = 0;
    return text.size() == key_text_size &&
           sodium_base642bin(uchars(MutBytes{key}), key.size(), text.data(), text.size(), nullptr,
                             &decoded, nullptr, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           decoded == key.size();
}

[[nodiscard]] PublicKey public_of(std::span<const std::byte, key_size> scalar) noexcept
{
    std::array<std::byte, key_size> point{};
    crypto_scalarmult_curve25519_base(uchars(MutBytes{point}), uchars(scalar));
    return PublicKey{point};
}

[[nodiscard]] Result<Secret<key_size>> decode_secret(std::string_view text, std::string_view noun)
{
    if (text.ends_with('\n')) text.remove_suffix(1);
    Secret<key_size> key;
    if (decode(text, key.mutable_bytes())) return key;
    return fail(std::errc::invalid_argument,
                std::string{noun}.append(": not a key of 44 base64 characters"));
}

} // namespace

Status crypto::init()
{
    prepare_libcrypto();
    if (sodium_init() >= 0) return {};
    return fail(std::errc::io_error, "sodium_init: no source of randomness");
}

std::string_view view(const KeyText& text) noexcept
{
    return {reinterpret_cast<const char*>(text.bytes().data()), KeyText::size};
}

PublicKey::PublicKey(std::span<const std::byte, key_size> bytes) noexcept
{
    std::memcpy(bytes_.data(), bytes.data(), bytes_.size());
}

Result<PublicKey> PublicKey::parse(std::string_view text)
{
    PublicKey key;
    if (decode(text, key.bytes_)) return key;
    return fail(std::errc::invalid_argument, "public key: not a key of 44 base64 characters");
}

std::string PublicKey::text() const
{
    return std::string{view(encode_key_text(bytes_))};
}

PrivateKey::PrivateKey(Secret<key_size> scalar) noexcept
    : scalar_(std::move(scalar)), public_key_(public_of(this->scalar()))
{
}

PrivateKey::PrivateKey(LockedSecret scalar) noexcept
    : scalar_(std::move(scalar)), public_key_(public_of(this->scalar()))
{
}

std::span<const std::byte, key_size> PrivateKey::scalar() const noexcept
{
    const auto* plain = std::get_if<Secret<key_size>>(&scalar_);
    return plain != nullptr ? plain->bytes() : std::get_if<LockedSecret>(&scalar_)->bytes();
}

PrivateKey PrivateKey::generate(const FillRandom& random)
{
    Secret<key_size> scalar;
    const auto bytes = scalar.mutable_bytes();
    random(bytes);
    // Clamped as RFC 7748 section 5 does at use, so that other tools print the same key.
    bytes.front() &= std::byte{248};
    bytes.back() = (bytes.back() & std::byte{127}) | std::byte{64};
    return PrivateKey{std::move(scalar)};
}

Result<PrivateKey> PrivateKey::parse(std::string_view text)
{
    auto scalar = decode_secret(text, "private key");
    if (!scalar) return fail(std::move(scalar.error()));
    return PrivateKey{LockedSecret{*scalar}};
}

void PrivateKey::lock() const noexcept
{
    if (const auto* locked = std::get_if<LockedSecret>(&scalar_)) locked->lock();
}

KeyText PrivateKey::text() const
{
    return encode_key_text(scalar());
}

Result<Secret<key_size>> PrivateKey::agree(const PublicKey& other) const
{
    Secret<key_size> shared;
    if (crypto_scalarmult_curve25519(uchars(MutBytes{shared.mutable_bytes()}), uchars(scalar()),
                                     uchars(other.bytes())) == 0)
        return shared;
    return fail(std::errc::invalid_argument, "public key: of low order");
}

const PresharedKey& PresharedKey::none() noexcept
{
    static const PresharedKey zeros;
    return zeros;
}

PresharedKey PresharedKey::generate(const FillRandom& random)
{
    Secret<key_size> key;
    random(key.mutable_bytes());
    return PresharedKey{key};
}

Result<PresharedKey> PresharedKey::parse(std::string_view text)
{
    auto key = decode_secret(text, "preshared key");
    if (!key) return fail(std::move(key.error()));
    return PresharedKey{*key};
}

KeyText PresharedKey::text() const
{
    return encode_key_text(key_.bytes());
}

} // namespace braid
