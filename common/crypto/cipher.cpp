#include "common/crypto/cipher.hpp"

#include "common/crypto/aead.hpp"

namespace braid {

std::string_view name(Cipher cipher) noexcept
{
    switch (cipher) {
    case Cipher::chacha20_poly1305: return "chacha20-poly1305";
    case Cipher::aes256_gcm: return "aes-256-gcm";
    case Cipher::aegis256: return "aegis-256";
    }
    return "unknown";
}

CipherSet CipherSet::supported() noexcept
{
    CipherSet set;
    for (const auto cipher : all_ciphers)
        if (Aead::supported(cipher)) set = set.with(cipher);
    return set;
}

std::optional<Cipher> choose_cipher(CipherSet offered, CipherSet accepted) noexcept
{
    for (const auto cipher : all_ciphers)
        if (offered.contains(cipher) && accepted.contains(cipher)) return cipher;
    return std::nullopt;
}

std::optional<Cipher> find_cipher(std::uint8_t number, CipherSet set) noexcept
{
    for (const auto cipher : all_ciphers)
        if (static_cast<std::uint8_t>(cipher) == number && set.contains(cipher)) return cipher;
    return std::nullopt;
}

} // namespace braid
