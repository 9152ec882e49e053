#include "common/wire/coalesce.hpp"

#include "common/wire/checksum.hpp"

#include <algorithm>
#include <cstring>
#include <netinet/in.h>

namespace braid {
namespace {

// RFC 791
constexpr std::size_t ipv4_header_size = 20;
constexpr std::size_t ipv4_length_at = 2;
constexpr std::size_t ipv4_fragment_at = 6;
constexpr std::size_t ipv4_ttl_at = 8;
constexpr std::size_t ipv4_checksum_at = 10;
constexpr std::size_t ipv4_addresses_at = 12;
constexpr std::uint16_t ipv4_dont_fragment = 0x4000;
// RFC 8200
constexpr std::size_t ipv6_header_size = 40;
constexpr std::size_t ipv6_length_at = 4;
constexpr std::size_t ipv6_next_header_at = 6;
// RFC 9293
constexpr std::size_t tcp_header_size = 20;
constexpr std::size_t tcp_sequence_at = 4;
constexpr std::size_t tcp_ack_at = 8;
constexpr std::size_t tcp_flags_at = 13;
constexpr std::size_t tcp_checksum_at = 16;
constexpr std::size_t tcp_urgent_at = 18;
constexpr std::byte tcp_psh{0x08};
constexpr std::byte tcp_ack{0x10};
constexpr std::byte tcp_ece{0x40};
// RFC 768
constexpr std::size_t udp_length_at = 4;
constexpr std::size_t udp_checksum_at = 6;

bool same(Bytes one, Bytes other, std::size_t from, std::size_t to)
{
    return std::ranges::equal(one.subspan(from, to - from), other.subspan(from, to - from));
}

/// Whether the IP header is the plain one, and IPv4 must not fragment it.
bool is_plain(const PacketInfo& info, Bytes packet)
{
    if (info.source.family() == Family::v6) return info.l4_offset == ipv6_header_size;
    return info.l4_offset == ipv4_header_size &&
           u16_at(packet, ipv4_fragment_at) == ipv4_dont_fragment;
}

std::optional<Segment> tcp_segment(const PacketInfo& info, Bytes transport)
{
    if (transport.size() < tcp_header_size) return std::nullopt;
    const std::size_t size = std::to_integer<std::size_t>(transport[12] >> 4) * 4;
    const std::byte flags = transport[tcp_flags_at];
    if (size < tcp_header_size || size > transport.size()) return std::nullopt;
    if ((flags & ~(tcp_psh | tcp_ece)) != tcp_ack) return std::nullopt;
    return Segment{.gso = info.source.family() == Family::v4 ? Gso::tcp4 : Gso::tcp6,
                   .headers = info.l4_offset + size,
                   .payload = transport.size() - size,
                   .sequence = WireReader{transport.subspan(tcp_sequence_at)}.u32(),
                   .pushed = (flags & tcp_psh) != std::byte{0}};
}

std::optional<Segment> udp_segment(const PacketInfo& info, Bytes transport)
{
    if (transport.size() < udp_header_size) return std::nullopt;
    if (u16_at(transport, udp_length_at) != transport.size()) return std::nullopt;
    if (u16_at(transport, udp_checksum_at) == 0) return std::nullopt;
    return Segment{.gso = Gso::udp,
                   .headers = info.l4_offset + udp_header_size,
                   .payload = transport.size() - udp_header_size};
}

bool same_ip_header(Bytes one, Bytes other, std::size_t size)
{
    if (size == ipv6_header_size)
        return same(one, other, 0, ipv6_length_at) && same(one, other, ipv6_next_header_at, size);
    return same(one, other, 0, ipv4_length_at) && same(one, other, ipv4_ttl_at, ipv4_checksum_at) &&
           same(one, other, ipv4_addresses_at, size);
}

/// But for sequence number, PSH and checksum.
bool same_tcp_header(Bytes one, Bytes other, std::size_t size)
{
    return same(one, other, 0, tcp_sequence_at) && same(one, other, tcp_ack_at, tcp_flags_at) &&
           (one[tcp_flags_at] | tcp_psh) == (other[tcp_flags_at] | tcp_psh) &&
           same(one, other, tcp_flags_at + 1, tcp_checksum_at) &&
           same(one, other, tcp_urgent_at, size);
}

} // namespace

std::optional<Segment> Segment::of(const Offload& offload, const PacketInfo& info, Bytes packet,
                                   bool checksum_is_good)
{
    const bool tcp = info.protocol == IPPROTO_TCP;
    if (offload.gso != Gso::none || info.fragment || !(tcp || info.protocol == IPPROTO_UDP))
        return std::nullopt;
    if (!is_plain(info, packet)) return std::nullopt;
    const Bytes transport = packet.subspan(info.l4_offset);
    const auto segment = tcp ? tcp_segment(info, transport) : udp_segment(info, transport);
    if (!segment || segment->payload < min_segment_size) return std::nullopt;
    if (segment->headers > max_repeated_headers(narrow<std::uint16_t>(segment->payload)))
        return std::nullopt;
    const auto is_right = [&] {
        return pseudo_header_sum(info, transport.size()).add(transport).folded() == 0xffff;
    };
    if (!offload.needs_checksum && !checksum_is_good && !is_right()) return std::nullopt;
    return segment;
}

bool Coalesced::takes(const Segment& next, Bytes packet, Bytes super_packet) const noexcept
{
    if (closed_ || next.gso != first_.gso || next.headers != first_.headers ||
        next.payload > first_.payload || size_ + next.payload > most_bytes)
        return false;
    const std::size_t ip = (packet[0] >> 4) == std::byte{4} ? ipv4_header_size : ipv6_header_size;
    if (!same_ip_header(packet, super_packet, ip)) return false;
    const Bytes one = packet.subspan(ip, next.headers - ip);
    const Bytes other = super_packet.subspan(ip, next.headers - ip);
    if (next.gso == Gso::udp) return same(one, other, 0, udp_length_at);
    const auto expected = static_cast<std::uint32_t>(sequence_ + last_payload_); // it wraps
    return next.sequence == expected && same_tcp_header(one, other, one.size());
}

void Coalesced::append(const Segment& next, Bytes packet, MutBytes buffer) noexcept
{
    const Bytes payload = packet.subspan(next.headers);
    std::memcpy(buffer.subspan(size_).data(), payload.data(), payload.size());
    if (next.pushed) {
        const std::size_t ip = next.gso == Gso::tcp4 ? ipv4_header_size : ipv6_header_size;
        buffer[ip + tcp_flags_at] |= tcp_psh; // the far kernel leaves it on the last segment
    }
    size_ += payload.size();
    ++count_;
    sequence_ = next.sequence;
    note_end(next);
}

void Coalesced::note_end(const Segment& segment) noexcept
{
    last_payload_ = segment.payload;
    closed_ = segment.pushed || segment.payload < first_.payload || count_ == max_segments;
}

Offload Coalesced::finish(const PacketInfo& info, MutBytes super_packet) const noexcept
{
    const std::size_t ip = info.l4_offset;
    const MutBytes transport = super_packet.subspan(ip);
    if (ip == ipv4_header_size) {
        put_u16(super_packet, ipv4_length_at, super_packet.size());
        put_u16(super_packet, ipv4_checksum_at, 0);
        const auto sum = ChecksumSum{}.add(super_packet.first(ip)).folded();
        put_u16(super_packet, ipv4_checksum_at, complement(sum));
    } else {
        put_u16(super_packet, ipv6_length_at, transport.size());
    }
    const bool udp = first_.gso == Gso::udp;
    if (udp) put_u16(transport, udp_length_at, transport.size());
    put_u16(transport, udp ? udp_checksum_at : tcp_checksum_at,
            pseudo_header_sum(info, transport.size()).folded());
    return {.needs_checksum = true,
            .ecn = false,
            .gso = first_.gso,
            .segment_size = narrow<std::uint16_t>(first_.payload)};
}

} // namespace braid
