/// The ciphers of records: their names, numbers and sizes, and how two peers agree on one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace braid {

/// Numbers as on the wire.
enum class Cipher : std::uint8_t { chacha20_poly1305 = 1, aes256_gcm = 2, aegis256 = 3 };

/// The best first.
inline constexpr std::array all_ciphers{Cipher::aegis256, Cipher::aes256_gcm,
                                        Cipher::chacha20_poly1305};

constexpr std::size_t min_tag_size = 16; ///< of the ciphers below, in bytes
constexpr std::size_t max_tag_size = 32;

/// How many bytes a sealed text has more than the plaintext.
[[nodiscard]] constexpr std::size_t tag_size(Cipher cipher) noexcept
{
    return cipher == Cipher::aegis256 ? max_tag_size : min_tag_size;
}

/// "chacha20-poly1305", "aes-256-gcm", "aegis-256": for logs and status.
[[nodiscard]] std::string_view name(Cipher cipher) noexcept;

/// A set of ciphers as the client hello carries it: bit `number - 1` of one byte. Bits that
/// this version does not know are kept, because the handshake authenticates the whole byte.
class CipherSet {
public:
    constexpr CipherSet() noexcept = default;
    explicit constexpr CipherSet(std::uint8_t bits) noexcept : bits_(bits) {}

    /// What this machine does at full speed; never empty.
    [[nodiscard]] static CipherSet supported() noexcept;

    [[nodiscard]] constexpr CipherSet with(Cipher cipher) const noexcept
    {
        return CipherSet{static_cast<std::uint8_t>(bits_ | bit(cipher))};
    }
    [[nodiscard]] constexpr bool contains(Cipher cipher) const noexcept
    {
        return (bits_ & bit(cipher)) != 0;
    }
    [[nodiscard]] constexpr std::uint8_t bits() const noexcept { return bits_; }

    bool operator==(const CipherSet&) const noexcept = default;

private:
    [[nodiscard]] static constexpr std::uint8_t bit(Cipher cipher) noexcept
    {
        return static_cast<std::uint8_t>(1U << (static_cast<unsigned>(cipher) - 1U));
    }
    std::uint8_t bits_ = 0;
};

/// The best cipher in both sets (AEGIS-256, AES-256-GCM, ChaCha20-Poly1305), if there is one.
[[nodiscard]] std::optional<Cipher> choose_cipher(CipherSet offered, CipherSet accepted) noexcept;

/// The cipher with this number, if it is in the set.
[[nodiscard]] std::optional<Cipher> find_cipher(std::uint8_t number, CipherSet set) noexcept;

} // namespace braid
