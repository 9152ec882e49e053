#include "common/wire/udp_split.hpp"

#include "common/wire/checksum.hpp"

#include <algorithm>
#include <cassert>

namespace braid {
namespace {

// RFC 791, RFC 8200, RFC 768
constexpr std::size_t ipv4_length_offset = 2;
constexpr std::size_t ipv4_identification_offset = 4;
constexpr std::size_t ipv4_checksum_offset = 10;
constexpr std::size_t ipv6_length_offset = 4;
constexpr std::size_t ipv6_header_size = 40;
constexpr std::size_t udp_length_offset = 4;
constexpr std::size_t udp_checksum_offset = 6;

/// Puts into the IPv4 header of a datagram what differs from that of the super-packet.
void finish_ipv4(MutBytes datagram, std::size_t header_size, std::size_t index)
{
    const std::size_t identification = u16_at(datagram, ipv4_identification_offset) + index;
    put_u16(datagram, ipv4_length_offset, datagram.size());
    put_u16(datagram, ipv4_identification_offset, identification & 0xffff);
    put_u16(datagram, ipv4_checksum_offset, 0);
    const auto sum = ChecksumSum{}.add(datagram.first(header_size)).folded();
    put_u16(datagram, ipv4_checksum_offset, complement(sum));
}

/// Puts in the UDP length, and completes the checksum as Linux does (__udp_gso_segment): from
/// the sum of the pseudo-header that stands in its place, with the length exchanged. Addresses
/// are not looked at, so that IPv6 routing headers, which put another destination into the
/// pseudo-header (RFC 8200 8.1), need no care.
void finish_udp(MutBytes transport)
{
    const auto pseudo_header = u16_at(transport, udp_checksum_offset);
    const auto old_length = u16_at(transport, udp_length_offset);
    const auto length = narrow<std::uint16_t>(transport.size());
    put_u16(transport, udp_length_offset, length);
    put_u16(transport, udp_checksum_offset, 0);
    ChecksumSum sum;
    sum.add(transport).add(pseudo_header).add(complement(old_length)).add(length);
    const auto checksum = complement(sum.folded());
    // A zero would say that there is none (RFC 768).
    put_u16(transport, udp_checksum_offset, checksum == 0 ? 0xffff : checksum);
}

} // namespace

Result<UdpSplit> UdpSplit::of(const Offload& offload, const PacketInfo& info, Bytes packet,
                              std::uint32_t mtu)
{
    const auto header = rebuild_vnet_header(offload, info, packet, mtu);
    if (!header) return fail(header.error());
    if (offload.gso != Gso::udp)
        return fail(std::errc::protocol_error, "UDP split: not a UDP super-packet");
    return UdpSplit{packet, info, offload.segment_size};
}

UdpSplit::UdpSplit(Bytes packet, const PacketInfo& info, std::size_t segment_size) noexcept
    : packet_(packet),
      family_(info.source.family()),
      l4_offset_(info.l4_offset),
      segment_size_(segment_size)
{
}

std::size_t UdpSplit::count() const noexcept
{
    const std::size_t payload = packet_.size() - l4_offset_ - udp_header_size;
    return std::max<std::size_t>((payload + segment_size_ - 1) / segment_size_, 1);
}

std::size_t UdpSplit::largest() const noexcept
{
    return std::min(packet_.size(), l4_offset_ + udp_header_size + segment_size_);
}

Bytes UdpSplit::write(std::size_t index, MutBytes room) const
{
    assert(index < count() && room.size() >= largest());
    const std::size_t headers_size = l4_offset_ + udp_header_size;
    const Bytes rest = packet_.subspan(headers_size + index * segment_size_);
    const Bytes payload = rest.first(std::min(rest.size(), segment_size_));
    const MutBytes datagram = room.first(headers_size + payload.size());
    std::ranges::copy(packet_.first(headers_size), datagram.begin());
    std::ranges::copy(payload, datagram.subspan(headers_size).begin());

    if (family_ == Family::v4)
        finish_ipv4(datagram, l4_offset_, index);
    else
        put_u16(datagram, ipv6_length_offset, datagram.size() - ipv6_header_size);
    finish_udp(datagram.subspan(l4_offset_));
    return datagram;
}

} // namespace braid
