/// Bytes that must not leak: wiped when they die, never copied by accident, never printed.
#pragma once

#include "common/base/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <span>

namespace braid {

/// Overwrites memory in a way that the compiler may not remove.
void wipe(MutBytes bytes) noexcept;

/// Compares in a time that does not depend on the contents. Different sizes are unequal.
[[nodiscard]] bool equal_in_constant_time(Bytes a, Bytes b) noexcept;

/// Fills a buffer with random bytes. A parameter, so that golden vectors can be reproduced.
using FillRandom = std::function<void(MutBytes)>;

/// Random bytes of the kernel, fit for keys.
void fill_random(MutBytes bytes) noexcept;

/// N secret bytes. Moving wipes the source; a second copy is only made by naming the bytes.
template <std::size_t N>
class Secret {
public:
    static constexpr std::size_t size = N;

    Secret() noexcept = default; ///< all zeros
    explicit Secret(std::span<const std::byte, N> from) noexcept
    {
        std::memcpy(bytes_.data(), from.data(), N);
    }
    Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.clear(); }
    Secret& operator=(Secret&& other) noexcept
    {
        if (this == &other) return *this;
        bytes_ = other.bytes_;
        other.clear();
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    /// Borrowed from this object.
    [[nodiscard]] std::span<const std::byte, N> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::span<std::byte, N> mutable_bytes() noexcept { return bytes_; }

    void clear() noexcept { wipe(bytes_); }

    /// In constant time.
    bool operator==(const Secret& other) const noexcept
    {
        return equal_in_constant_time(bytes_, other.bytes_);
    }

private:
    std::array<std::byte, N> bytes_{};
};

} // namespace braid
