/// Segmentation offload of a super-packet: the kernel's virtio_net_hdr is never sent to the
/// peer; a compact description is, and the peer rebuilds the header from the packet
/// (PROTOCOL.md, "Offload").
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/wire/packet.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace braid {

/// The least payload of a segment, the kernel's TCP_MIN_SND_MSS: smaller ones would turn a small
/// frame into a flood of packets (decisions/0001-smallest-segment-48.md).
constexpr std::uint16_t min_segment_size = 48;

/// The most bytes of IP and transport headers that may be repeated in front of each segment: one
/// and a half times its payload, so that the packets cut from a super-packet are together less
/// than 2.5 times as large as it is. IPv6 and TCP with time stamps, 72 bytes, are what 48 allow.
constexpr std::size_t max_repeated_headers(std::uint16_t segment_size) noexcept
{
    return std::size_t{segment_size} * 3 / 2;
}

/// The most segments of one super-packet, as in the kernel's UDP_MAX_SEGMENTS.
constexpr std::size_t max_segments = 128;

enum class Gso : std::uint8_t { none = 0, tcp4 = 1, tcp6 = 2, udp = 3 };

struct Offload {
    bool needs_checksum = false; ///< the transport checksum is only the pseudo-header's
    bool ecn = false;            ///< TCP with ECN: CWR only on the first segment
    Gso gso = Gso::none;
    std::uint16_t segment_size = 0; ///< payload bytes of each segment; 0 without GSO

    bool operator==(const Offload&) const noexcept = default;
};

using VnetHeader = std::array<std::byte, 10>; ///< struct virtio_net_hdr, host byte order

/// Describes what the local kernel said of a packet that it handed to the TUN.
/// Errors (not_supported): something this protocol cannot carry: UFO, an unknown GSO type, GSO
/// without size or without a checksum to complete, ECN without TCP, or a checksum that is
/// neither TCP's nor UDP's by its place.
[[nodiscard]] Result<Offload> describe_offload(const VnetHeader& header);

/// The same for a packet already parsed. Errors (not_supported) also when the checksum to
/// complete is not that of the packet's own transport header (a tunnel's inner packet, for
/// instance): the peer could not know where it is.
[[nodiscard]] Result<Offload> describe_offload(const VnetHeader& header, const PacketInfo& info);

/// Whether the local kernel has found the packet's checksum right (VIRTIO_NET_HDR_F_DATA_VALID).
[[nodiscard]] bool says_checksum_is_good(const VnetHeader& header) noexcept;

/// Rebuilds the header for a packet that a peer sent, after checking the description against
/// the packet itself: kind matches IP version and protocol, a checksum to complete is TCP's or
/// UDP's, no fragments, at least min_segment_size bytes a segment, at most max_repeated_headers in
/// front of them, at most max_segments. `info` must be of this `packet`. `mtu` bounds each segment
/// with its headers, and every packet without GSO, so that a peer cannot inject oversized ones. A
/// payload that one segment holds loses its GSO: then the packet counts as one without. Errors
/// (protocol_error): the description cannot be true; drop the packet.
[[nodiscard]] Result<VnetHeader> rebuild_vnet_header(const Offload& offload, const PacketInfo& info,
                                                     Bytes packet, std::uint32_t mtu);

} // namespace braid
