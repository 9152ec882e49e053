/// An IP packet, parsed once: what routing, flow hashing and offload checks need.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"

#include <cstddef>
#include <cstdint>

namespace braid {

/// The largest packet that a frame can carry, super-packets included.
constexpr std::size_t max_packet_size = 65535;

/// Extension headers of one IPv6 packet; as many as RFC 8504 5.3 asks of hosts.
constexpr int max_extension_headers = 8;

constexpr std::size_t udp_header_size = 8; ///< RFC 768

/// Where things are in one IPv4 or IPv6 packet. Holds copies, borrows nothing.
struct PacketInfo {
    Address source;
    Address destination;            ///< always of the packet's IP version, as is the source
    std::uint8_t protocol = 0;      ///< of the last header understood (IPv6: behind extensions)
    std::uint8_t traffic_class = 0; ///< DSCP and ECN
    bool fragment = false;          ///< any fragment; ports are then unknown unless it is the first
    std::uint16_t l4_offset = 0;    ///< start of the transport header
    std::uint16_t source_port = 0;  ///< 0 where the protocol has none or it is out of reach;
                                    ///< the identifier of an ICMP echo, so that one ping is a flow
    std::uint16_t destination_port = 0;
};

/// Parses a packet as it stands in a frame or comes from the TUN.
/// Errors (protocol_error): not IPv4 or IPv6; more than max_packet_size; a header cut short; the
/// IP total length is not the packet's size (so IPv6 jumbograms are refused); more than
/// max_extension_headers; a v4-mapped IPv6 address, which may not appear in packets and would
/// pass for the IPv4 address.
[[nodiscard]] Result<PacketInfo> parse_packet(Bytes packet);

} // namespace braid
