/// Whose code runs each cipher here: the faster one's, as measured at start.
#pragma once

#include "common/base/time.hpp"
#include "common/crypto/aead.hpp"

#include <array>
#include <cstddef>
#include <functional>

namespace braid {

inline constexpr std::array all_makers{AeadMaker::libsodium, AeadMaker::libcrypto};

/// A small value: who needs it has a copy.
class AeadMakers {
public:
    /// What a maker takes for the same work with a cipher that it supports.
    using Cost = std::function<Duration(Cipher, AeadMaker)>;

    /// libsodium for each cipher.
    constexpr AeadMakers() noexcept = default;
    /// The cheapest of those that support it, for each cipher; libsodium where they are alike.
    [[nodiscard]] static AeadMakers cheapest(const Cost& cost);
    /// By measure_aead.
    [[nodiscard]] static AeadMakers measured();

    [[nodiscard]] constexpr AeadMaker of(Cipher cipher) const noexcept
    {
        return makers_[index(cipher)];
    }

    bool operator==(const AeadMakers&) const noexcept = default;

private:
    [[nodiscard]] static constexpr std::size_t index(Cipher cipher) noexcept
    {
        return static_cast<std::size_t>(cipher) - 1;
    }
    std::array<AeadMaker, all_ciphers.size()> makers_{};
};

/// How long sealing and opening a record of 16 KiB takes: the shortest of several tries, since the
/// others were disturbed. Some hundred microseconds in all; some ms on a slow machine.
[[nodiscard]] Duration measure_aead(Cipher cipher, AeadMaker maker);

} // namespace braid
