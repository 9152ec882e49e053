/// Packets built by hand for the tests of the wire formats.
#pragma once

#include "common/base/bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <string_view>
#include <vector>

namespace braid::test {

using Buffer = std::vector<std::byte>;

/// Bytes from hexadecimal digits; everything else in the text is skipped.
inline Buffer hex(std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    Buffer bytes;
    bool half = false;
    for (const char c : text) {
        const auto value = digits.find(c);
        if (value == std::string_view::npos) continue;
        if (half)
            bytes.back() |= static_cast<std::byte>(value);
        else
            bytes.push_back(static_cast<std::byte>(value << 4));
        half = !half;
    }
    return bytes;
}

inline Buffer operator+(const Buffer& left, const Buffer& right)
{
    Buffer joined(left.size() + right.size());
    std::ranges::copy(right, std::ranges::copy(left, joined.begin()).out);
    return joined;
}

inline void put_u16(Buffer& bytes, std::size_t offset, std::size_t value)
{
    bytes[offset] = static_cast<std::byte>(value >> 8 & 0xff);
    bytes[offset + 1] = static_cast<std::byte>(value & 0xff);
}

/// Ports 4660 to 443; `header_size` counts options.
inline Buffer tcp(std::size_t payload, std::size_t header_size = 20)
{
    Buffer segment(header_size + payload);
    put_u16(segment, 0, 4660);
    put_u16(segment, 2, 443);
    segment[12] = static_cast<std::byte>(header_size / 4 << 4);
    return segment;
}

/// Ports 5353 to 53.
inline Buffer udp(std::size_t payload)
{
    Buffer datagram(8 + payload);
    put_u16(datagram, 0, 5353);
    put_u16(datagram, 2, 53);
    put_u16(datagram, 4, datagram.size());
    return datagram;
}

/// From 192.0.2.1 to 198.51.100.7. `fragment` is the field of flags and offset.
inline Buffer ipv4(std::uint8_t protocol, const Buffer& payload, std::uint16_t fragment = 0,
                   std::size_t header_size = 20)
{
    Buffer header = hex("40b80000 00000000 40000000 c0000201 c6336407");
    header.resize(header_size);
    header[0] |= static_cast<std::byte>(header_size / 4);
    header[9] = static_cast<std::byte>(protocol);
    put_u16(header, 2, header_size + payload.size());
    put_u16(header, 6, fragment);
    return header + payload;
}

/// From 2001:db8::1 to 2001:db8::7.
inline Buffer ipv6(std::uint8_t next_header, const Buffer& payload)
{
    Buffer header = hex("6b812345 00000040 20010db8000000000000000000000001 "
                        "20010db8000000000000000000000007");
    header[6] = static_cast<std::byte>(next_header);
    put_u16(header, 4, payload.size());
    return header + payload;
}

} // namespace braid::test
