#include "common/crypto/aead.hpp"

#include <cassert>
#include <sodium/version.h>
#include <utility>

namespace braid {

namespace {

[[nodiscard]] std::size_t total(std::span<const Bytes> segments) noexcept
{
    std::size_t size = 0;
    for (const Bytes segment : segments) size += segment.size();
    return size;
}

} // namespace

std::string library_of(AeadMaker maker)
{
    switch (maker) {
    case AeadMaker::libsodium: return std::string{"libsodium "}.append(sodium_version_string());
    case AeadMaker::libcrypto: return std::string{"libcrypto "}.append(libcrypto_version());
    }
    return "unknown";
}

bool Aead::supported(Cipher cipher) noexcept
{
    return SodiumAead::supported(cipher);
}

bool Aead::supported(Cipher cipher, AeadMaker maker) noexcept
{
    if (!supported(cipher)) return false;
    return maker == AeadMaker::libsodium || LibcryptoAead::supported(cipher);
}

Aead::Made Aead::make(Cipher cipher, const Secret<key_size>& key, AeadMaker maker) noexcept
{
    assert(supported(cipher, maker));
    if (maker == AeadMaker::libcrypto) return LibcryptoAead{cipher, key};
    return SodiumAead{cipher, key};
}

Aead::Aead(Cipher cipher, const Secret<key_size>& key, AeadMaker maker) noexcept
    : cipher_(cipher), made_(make(cipher, key, maker))
{
}

AeadMaker Aead::maker() const noexcept
{
    return std::holds_alternative<LibcryptoAead>(made_) ? AeadMaker::libcrypto
                                                        : AeadMaker::libsodium;
}

std::size_t Aead::seal(std::uint64_t nonce, Bytes associated, std::span<const Bytes> segments,
                       MutBytes out) const noexcept
{
    const std::size_t size = total(segments) + tag_size(cipher_);
    assert(size <= out.size());
    const AeadNonce number{nonce};
    const MutBytes sealed = out.first(size);
    // Not std::visit, which could throw if the variant could be empty.
    if (const auto* sodium = std::get_if<SodiumAead>(&made_))
        sodium->seal(number, associated, segments, sealed);
    else if (const auto* libcrypto = std::get_if<LibcryptoAead>(&made_))
        libcrypto->seal(number, associated, segments, sealed);
    return size;
}

Result<MutBytes> Aead::open(std::uint64_t nonce, Bytes associated, MutBytes sealed) const
{
    if (sealed.size() < tag_size(cipher_))
        return fail(std::errc::bad_message, "open: shorter than a tag");
    const MutBytes text = sealed.first(sealed.size() - tag_size(cipher_));
    const auto open_with = [&](const auto& made) {
        return made.open(AeadNonce{nonce}, associated, sealed);
    };
    if (std::visit(open_with, made_)) return text;
    wipe(text); // libcrypto has decrypted it before it knew
    return fail(std::errc::bad_message, "open: not authentic");
}

} // namespace braid
