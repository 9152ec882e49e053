/// What a kernel does with a super-packet, in the plainest way, for the tests of joining.
#pragma once

#include "common/wire/offload.hpp"
#include "common/wire/packet.hpp"
#include "tests/unit/wire/sample_packets.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <vector>

namespace braid::test {

inline std::size_t u16_at(const Buffer& bytes, std::size_t at)
{
    return std::to_integer<std::size_t>(bytes[at]) << 8 |
           std::to_integer<std::size_t>(bytes[at + 1]);
}

inline void put_u32(Buffer& bytes, std::size_t at, std::uint32_t value)
{
    put_u16(bytes, at, value >> 16);
    put_u16(bytes, at + 2, value & 0xffff);
}

/// One word after the other, RFC 1071.
inline std::size_t checksum(const Buffer& bytes)
{
    std::size_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += std::to_integer<std::size_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/// The packet with its lengths, its identification (IPv4) and all its checksums.
inline Buffer completed(Buffer packet, std::size_t identification)
{
    const bool v4 = (packet[0] >> 4) == std::byte{4};
    const std::size_t l4 = v4 ? 20 : 40;
    const bool udp = packet[v4 ? 9 : 6] == std::byte{IPPROTO_UDP};
    const std::size_t length = packet.size() - l4;
    if (v4) {
        put_u16(packet, 2, packet.size());
        put_u16(packet, 4, identification & 0xffff);
        put_u16(packet, 10, 0);
        put_u16(packet, 10, ~checksum({packet.begin(), packet.begin() + 20}));
    } else {
        put_u16(packet, 4, length);
    }
    if (udp) put_u16(packet, l4 + 4, length);
    const std::size_t at = l4 + (udp ? 6 : 16);
    put_u16(packet, at, 0);
    Buffer summed(packet.begin() + (v4 ? 12 : 8), packet.end());
    summed.resize(summed.size() + (summed.size() % 2) + 4); // and the rest of the pseudo-header
    put_u16(summed, summed.size() - 4, udp ? IPPROTO_UDP : IPPROTO_TCP);
    put_u16(summed, summed.size() - 2, length);
    put_u16(packet, at, ~checksum(summed));
    return packet;
}

/// The packets that a super-packet is cut into; one without GSO is completed.
inline std::vector<Buffer> cut(const Buffer& packet, const Offload& offload)
{
    if (offload == Offload{}) return {packet};
    const auto info = parse_packet(packet);
    REQUIRE(info);
    REQUIRE(rebuild_vnet_header(offload, *info, packet, 1500)); // The far end takes it.
    const std::size_t l4 = info->l4_offset;
    const bool udp = info->protocol == IPPROTO_UDP;
    const std::size_t headers =
        l4 + (udp ? 8 : std::to_integer<std::size_t>(packet[l4 + 12] >> 4) * 4);
    const std::size_t first_id = u16_at(packet, 4);
    std::vector<Buffer> cuts;
    for (std::size_t at = headers; at < packet.size(); at += offload.segment_size) {
        const std::size_t end = std::min<std::size_t>(at + offload.segment_size, packet.size());
        Buffer one(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(headers));
        if (!udp) {
            const auto sequence =
                static_cast<std::uint32_t>(u16_at(packet, l4 + 4) << 16 | u16_at(packet, l4 + 6));
            put_u32(one, l4 + 4, sequence + static_cast<std::uint32_t>(at - headers));
            if (end < packet.size()) one[l4 + 13] &= ~std::byte{8}; // PSH
        }
        one.insert(one.end(), packet.begin() + static_cast<std::ptrdiff_t>(at),
                   packet.begin() + static_cast<std::ptrdiff_t>(end));
        cuts.push_back(completed(std::move(one), first_id + cuts.size()));
    }
    return cuts;
}

/// Packets of one flow, one after the other, with a payload that counts up.
struct PacketSource {
    bool v4 = true;
    bool is_udp = false;
    std::uint8_t host = 1;               ///< last byte of the source
    std::uint32_t sequence = 0xfffff000; // soon wraps
    std::size_t identification = 65530;
    std::uint8_t value = 0;

    Buffer next(std::size_t payload, std::uint8_t tcp_flags = 0x10)
    {
        Buffer transport = is_udp ? udp(payload) : tcp(payload, 32);
        for (std::size_t at = transport.size() - payload; at < transport.size(); ++at)
            transport[at] = std::byte{value++};
        if (!is_udp) {
            put_u32(transport, 4, sequence);
            sequence += static_cast<std::uint32_t>(payload);
            put_u32(transport, 8, 77);
            transport[13] = std::byte{tcp_flags};
            put_u16(transport, 14, 501);
        }
        const std::uint8_t protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP;
        Buffer packet = v4 ? ipv4(protocol, transport, 0x4000) : ipv6(protocol, transport);
        packet[v4 ? 15 : 23] = std::byte{host};
        return completed(std::move(packet), identification++);
    }
};

} // namespace braid::test
