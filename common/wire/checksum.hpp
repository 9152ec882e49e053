/// The Internet checksum (RFC 1071).
#pragma once

#include "common/base/bytes.hpp"
#include "common/wire/packet.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace braid {

/// A sum of 16-bit words in ones' complement. Words are added as they lie in memory, whatever the
/// byte order (RFC 1071, 2 (B)).
class ChecksumSum {
public:
    /// Bytes that begin at an even place of what is summed up.
    ChecksumSum& add(Bytes bytes) noexcept
    {
        while (bytes.size() >= sizeof(std::uint32_t)) {
            sum_ += load<std::uint32_t>(bytes);
            bytes = bytes.subspan(sizeof(std::uint32_t));
        }
        if (bytes.size() >= sizeof(std::uint16_t)) {
            sum_ += load<std::uint16_t>(bytes);
            bytes = bytes.subspan(sizeof(std::uint16_t));
        }
        if (!bytes.empty()) {
            const std::array<std::byte, 2> last{bytes.front(), std::byte{0}};
            sum_ += load<std::uint16_t>(last);
        }
        return *this;
    }
    /// A 16-bit word in host byte order.
    ChecksumSum& add(std::uint16_t word) noexcept
    {
        sum_ += in_network_order(word);
        return *this;
    }

    /// The sum in host byte order, not complemented: 0xffff for what holds its right checksum.
    [[nodiscard]] std::uint16_t folded() const noexcept
    {
        std::uint64_t sum = sum_;
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        return in_network_order(static_cast<std::uint16_t>(sum));
    }

private:
    template <typename Word>
    [[nodiscard]] static Word load(Bytes bytes) noexcept
    {
        Word word;
        std::memcpy(&word, bytes.data(), sizeof word);
        return word;
    }
    [[nodiscard]] static std::uint16_t in_network_order(std::uint16_t word) noexcept
    {
        if constexpr (std::endian::native == std::endian::big) return word;
        return static_cast<std::uint16_t>(word << 8 | word >> 8);
    }

    std::uint64_t sum_ = 0; ///< of at most 2^32 words, far more than a packet has
};

/// What is stored for a sum.
[[nodiscard]] constexpr std::uint16_t complement(std::uint16_t sum) noexcept
{
    return static_cast<std::uint16_t>(~sum & 0xffff);
}

/// The pseudo-header of a transport of `length` bytes (RFC 9293 3.1, RFC 8200 8.1); without IPv6
/// routing headers.
[[nodiscard]] inline ChecksumSum pseudo_header_sum(const PacketInfo& info, std::size_t length)
{
    ChecksumSum sum;
    sum.add(info.source.bytes()).add(info.destination.bytes());
    sum.add(std::uint16_t{info.protocol}).add(narrow<std::uint16_t>(length));
    return sum;
}

} // namespace braid
