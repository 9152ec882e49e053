/// Borrowed byte ranges, and readers and writers of big-endian fields on them.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

namespace braid {

using Bytes = std::span<const std::byte>;
using MutBytes = std::span<std::byte>;

/// The bytes of a string, borrowed.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) noexcept
{
    return std::as_bytes(std::span{text.data(), text.size()});
}

/// Bytes seen as the `unsigned char` that C libraries take.
[[nodiscard]] inline const unsigned char* uchars(Bytes bytes) noexcept
{
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
[[nodiscard]] inline unsigned char* uchars(MutBytes bytes) noexcept
{
    return reinterpret_cast<unsigned char*>(bytes.data());
}

/// Converts between integer types; the value must fit (a programmer error otherwise).
template <typename To, typename From>
[[nodiscard]] constexpr To narrow(From value) noexcept
{
    static_assert(std::is_integral_v<To> && std::is_integral_v<From>);
    const auto result = static_cast<To>(value);
    assert(static_cast<From>(result) == value && (result < To{}) == (value < From{}));
    return result;
}

/// Reads big-endian fields from a borrowed buffer. Never throws, never reads past the end.
/// Errors stick: after one short read every getter yields zero and ok() is false,
/// so a parser names its fields in wire order and checks once.
class WireReader {
public:
    explicit WireReader(Bytes wire) noexcept : rest_(wire) {}

    std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(big_endian(1)); }
    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(big_endian(2)); }
    std::uint32_t u24() noexcept { return static_cast<std::uint32_t>(big_endian(3)); }
    std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(big_endian(4)); }
    std::uint64_t u64() noexcept { return big_endian(8); }

    /// Borrows the next `n` bytes; empty, and ok() false, when fewer remain.
    Bytes take(std::size_t n) noexcept
    {
        if (n > rest_.size()) {
            ok_ = false;
            n = 0;
            rest_ = {};
        }
        const Bytes head = rest_.first(n);
        rest_ = rest_.subspan(n);
        return head;
    }

    /// Copies the next N bytes; zeros, and ok() false, when fewer remain.
    template <std::size_t N>
    std::array<std::byte, N> array() noexcept
    {
        std::array<std::byte, N> copy{};
        const Bytes from = take(N);
        if (from.size() == N) std::memcpy(copy.data(), from.data(), N);
        return copy;
    }

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    /// True when everything was read and nothing was missing: the end of a whole message.
    [[nodiscard]] bool done() const noexcept { return ok_ && rest_.empty(); }
    [[nodiscard]] Bytes rest() const noexcept { return rest_; }

private:
    std::uint64_t big_endian(std::size_t width) noexcept
    {
        std::uint64_t value = 0;
        for (const auto b : take(width)) value = value << 8 | std::to_integer<std::uint64_t>(b);
        return value;
    }

    Bytes rest_;
    bool ok_ = true;
};

/// Writes big-endian fields into a borrowed buffer. Errors stick as in WireReader: what does
/// not fit is not written, and ok() is false.
class WireWriter {
public:
    explicit WireWriter(MutBytes buffer) noexcept : buffer_(buffer) {}

    void u8(std::uint8_t value) noexcept { big_endian(value, 1); }
    void u16(std::uint16_t value) noexcept { big_endian(value, 2); }
    void u24(std::uint32_t value) noexcept { big_endian(value, 3); }
    void u32(std::uint32_t value) noexcept { big_endian(value, 4); }
    void u64(std::uint64_t value) noexcept { big_endian(value, 8); }

    void bytes(Bytes from) noexcept
    {
        const MutBytes to = skip(from.size());
        if (!to.empty()) std::memcpy(to.data(), from.data(), from.size());
    }

    /// Reserves the next `n` bytes for the caller to fill; empty, and ok() false, when fewer
    /// remain.
    MutBytes skip(std::size_t n) noexcept
    {
        if (n > buffer_.size() - used_) {
            ok_ = false;
            return {};
        }
        const MutBytes hole = buffer_.subspan(used_, n);
        used_ += n;
        return hole;
    }

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] Bytes written() const noexcept { return buffer_.first(used_); }

private:
    void big_endian(std::uint64_t value, std::size_t width) noexcept
    {
        const MutBytes to = skip(width);
        for (std::size_t i = to.size(); i-- > 0; value >>= 8)
            to[i] = static_cast<std::byte>(value & 0xff);
    }

    MutBytes buffer_;
    std::size_t used_ = 0;
    bool ok_ = true;
};

/// The big-endian field at `at`, which lies within the bytes.
[[nodiscard]] inline std::uint16_t u16_at(Bytes bytes, std::size_t at) noexcept
{
    return WireReader{bytes.subspan(at)}.u16();
}
/// `value` has 16 bits.
inline void put_u16(MutBytes bytes, std::size_t at, std::size_t value) noexcept
{
    WireWriter{bytes.subspan(at)}.u16(narrow<std::uint16_t>(value));
}

} // namespace braid
