#include "common/wire/packet.hpp"

#include <netinet/in.h>
#include <string>
#include <string_view>

namespace braid {
namespace {

constexpr std::size_t ipv4_header_size = 20;
constexpr std::size_t ipv6_header_size = 40;
constexpr std::uint16_t ipv4_offset_bits = 0x1fff;
constexpr std::uint16_t ipv4_more_fragments = 0x2000;
constexpr std::uint16_t ipv6_offset_bits = 0xfff8;

tl::unexpected<Error> malformed(std::string_view reason)
{
    return fail(std::errc::protocol_error, std::string{"packet: "}.append(reason));
}

bool has_ports(std::uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP: return true;
    default: return false;
    }
}

bool is_echo(Family family, std::uint8_t protocol, std::uint8_t type)
{
    if (family == Family::v4) return protocol == IPPROTO_ICMP && (type == 8 || type == 0);
    return protocol == IPPROTO_ICMPV6 && (type == 128 || type == 129);
}

bool is_extension(std::uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_AH:
    case IPPROTO_DSTOPTS: return true;
    default: return false;
    }
}

/// Fills in the ports from the transport header, as far as it is there.
void read_ports(PacketInfo& info, Bytes transport)
{
    WireReader in{transport};
    if (has_ports(info.protocol)) {
        const auto source = in.u16();
        const auto destination = in.u16();
        if (!in.ok()) return;
        info.source_port = source;
        info.destination_port = destination;
        return;
    }
    const auto type = in.u8();
    in.take(3); // code and checksum
    const auto identifier = in.u16();
    if (in.ok() && is_echo(info.source.family(), info.protocol, type))
        info.source_port = identifier;
}

Result<PacketInfo> parse_ipv4(Bytes packet)
{
    WireReader in{packet};
    PacketInfo info;
    const std::size_t header_size = (in.u8() & 0x0fu) * 4u;
    info.traffic_class = in.u8();
    const auto total_length = in.u16();
    in.take(2); // identification
    const auto fragment = in.u16();
    in.take(1); // time to live
    info.protocol = in.u8();
    in.take(2); // header checksum: the kernel's business
    const auto source = in.take(4);
    const auto destination = in.take(4);
    if (!in.ok() || header_size < ipv4_header_size || header_size > packet.size())
        return malformed("IPv4 header cut short");
    if (total_length != packet.size()) return malformed("IPv4 total length is not its size");

    info.source = Address::from_bytes(source);
    info.destination = Address::from_bytes(destination);
    info.l4_offset = narrow<std::uint16_t>(header_size);
    info.fragment = (fragment & (ipv4_offset_bits | ipv4_more_fragments)) != 0;
    const bool holds_transport_header = (fragment & ipv4_offset_bits) == 0;
    if (holds_transport_header) read_ports(info, packet.subspan(header_size));
    return info;
}

/// Steps over IPv6 extension headers up to the transport header. A fragment header ends the
/// walk: what follows it differs between the fragments of one datagram, its own next-header
/// field does not. Yields whether the transport header starts in this packet.
Result<bool> step_over_extensions(PacketInfo& info, WireReader& in)
{
    for (int walked = 0; is_extension(info.protocol); ++walked) {
        if (walked == max_extension_headers) return malformed("too many IPv6 extension headers");
        const auto kind = info.protocol;
        info.protocol = in.u8();
        const std::size_t length = in.u8();
        if (kind == IPPROTO_FRAGMENT) {
            const auto offset = in.u16();
            in.take(4); // identification
            if (!in.ok()) return malformed("IPv6 fragment header cut short");
            info.fragment = true;
            return (offset & ipv6_offset_bits) == 0;
        }
        // Lengths count beyond the first 8 bytes: AH in units of 4, the others of 8.
        in.take(kind == IPPROTO_AH ? length * 4 + 6 : length * 8 + 6);
        if (!in.ok()) return malformed("IPv6 extension header cut short");
    }
    return true;
}

Result<PacketInfo> parse_ipv6(Bytes packet)
{
    WireReader in{packet};
    PacketInfo info;
    info.traffic_class = static_cast<std::uint8_t>(in.u32() >> 20 & 0xff);
    const auto payload_length = in.u16();
    info.protocol = in.u8();
    in.take(1); // hop limit
    const auto source = in.take(16);
    const auto destination = in.take(16);
    if (!in.ok()) return malformed("IPv6 header cut short");
    if (payload_length != packet.size() - ipv6_header_size)
        return malformed("IPv6 payload length is not its size");

    info.source = Address::from_bytes(source);
    info.destination = Address::from_bytes(destination);
    if (info.source.family() != Family::v6 || info.destination.family() != Family::v6)
        return malformed("v4-mapped IPv6 address");

    const auto holds_transport_header = step_over_extensions(info, in);
    if (!holds_transport_header) return fail(holds_transport_header.error());
    info.l4_offset = narrow<std::uint16_t>(packet.size() - in.rest().size());
    if (*holds_transport_header) read_ports(info, in.rest());
    return info;
}

} // namespace

Result<PacketInfo> parse_packet(Bytes packet)
{
    if (packet.empty()) return malformed("empty");
    if (packet.size() > max_packet_size) return malformed("too large");
    switch (std::to_integer<unsigned>(packet.front() >> 4)) {
    case 4: return parse_ipv4(packet);
    case 6: return parse_ipv6(packet);
    default: return malformed("neither IPv4 nor IPv6");
    }
}

} // namespace braid
