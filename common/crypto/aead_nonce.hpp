/// The nonce of every cipher here. Only the makers of Aead use it.
#pragma once

#include "common/base/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace braid {

/// Zero bits, and at the end the counter in little-endian order. Ciphers take as much of its end
/// as their nonces have.
class AeadNonce {
public:
    static constexpr std::size_t short_size = 12; ///< of all ciphers but AEGIS-256
    static constexpr std::size_t size = 32;

    explicit AeadNonce(std::uint64_t counter) noexcept
    {
        for (std::size_t i = size - sizeof counter; i < size; ++i, counter >>= 8)
            bytes_[i] = static_cast<std::byte>(counter & 0xff);
    }
    [[nodiscard]] std::span<const std::byte, size> whole() const noexcept { return bytes_; }
    [[nodiscard]] const unsigned char* last_12() const noexcept
    {
        return uchars(Bytes{bytes_}.last<short_size>());
    }

private:
    std::array<std::byte, size> bytes_{};
};

} // namespace braid
