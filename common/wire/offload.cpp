#include "common/wire/offload.hpp"

#include <bit>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>

namespace braid {
namespace {

/// struct virtio_net_hdr. Spelt out because the header of older kernels is not valid C++.
struct KernelHeader {
    std::uint8_t flags = 0;
    std::uint8_t gso_type = 0;
    std::uint16_t headers_size = 0;
    std::uint16_t segment_size = 0;
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(KernelHeader) == sizeof(VnetHeader));

// linux/virtio_net.h
constexpr std::uint8_t flag_needs_checksum = 1;
constexpr std::uint8_t flag_checksum_is_good = 2;
constexpr std::uint8_t type_none = 0;
constexpr std::uint8_t type_tcp4 = 1;
constexpr std::uint8_t type_tcp6 = 4;
constexpr std::uint8_t type_udp = 5;
constexpr std::uint8_t type_ecn = 0x80;

constexpr std::uint16_t tcp_checksum_offset = 16;
constexpr std::uint16_t udp_checksum_offset = 6;
constexpr std::size_t tcp_header_size = 20;

tl::unexpected<Error> not_carried(std::string_view reason)
{
    return fail(std::errc::not_supported, std::string{"offload: "}.append(reason));
}

tl::unexpected<Error> refused(std::string_view reason)
{
    return fail(std::errc::protocol_error, std::string{"offload: "}.append(reason));
}

std::optional<Gso> gso_of(std::uint8_t kernel_type)
{
    switch (kernel_type) {
    case type_none: return Gso::none;
    case type_tcp4: return Gso::tcp4;
    case type_tcp6: return Gso::tcp6;
    case type_udp: return Gso::udp;
    default: return std::nullopt;
    }
}

std::uint8_t kernel_type_of(Gso gso)
{
    switch (gso) {
    case Gso::none: return type_none;
    case Gso::tcp4: return type_tcp4;
    case Gso::tcp6: return type_tcp6;
    case Gso::udp: return type_udp;
    }
    return type_none;
}

bool is_tcp(Gso gso)
{
    return gso == Gso::tcp4 || gso == Gso::tcp6;
}

/// Whether a packet of this version and protocol can be cut up in this way.
bool matches(Gso gso, const PacketInfo& info)
{
    const auto family = info.source.family();
    switch (gso) {
    case Gso::none: return true;
    case Gso::tcp4: return family == Family::v4 && info.protocol == IPPROTO_TCP;
    case Gso::tcp6: return family == Family::v6 && info.protocol == IPPROTO_TCP;
    case Gso::udp: return info.protocol == IPPROTO_UDP;
    }
    return false;
}

/// Bytes of IP and transport headers together; nullopt when the protocol is neither TCP nor
/// UDP, or its header is cut short.
std::optional<std::size_t> headers_size(const PacketInfo& info, Bytes packet)
{
    if (info.l4_offset > packet.size()) return std::nullopt;
    const Bytes transport = packet.subspan(info.l4_offset);
    std::size_t size = udp_header_size;
    if (info.protocol == IPPROTO_TCP) {
        if (transport.size() < tcp_header_size) return std::nullopt;
        size = std::to_integer<std::size_t>(transport[12] >> 4) * 4;
        if (size < tcp_header_size) return std::nullopt;
    } else if (info.protocol != IPPROTO_UDP) {
        return std::nullopt;
    }
    if (size > transport.size()) return std::nullopt;
    return info.l4_offset + size;
}

/// Why the packet cannot be cut into segments as described; empty when it can.
std::string_view fault_of_segments(const Offload& offload, std::size_t headers, std::size_t payload,
                                   std::uint32_t mtu)
{
    if (offload.segment_size < min_segment_size) return "segments are too small";
    if (headers > max_repeated_headers(offload.segment_size)) return "headers dwarf the segments";
    if (headers + offload.segment_size > mtu) return "segments are larger than the MTU";
    const std::size_t segments = (payload + offload.segment_size - 1) / offload.segment_size;
    return segments > max_segments ? "too many segments" : "";
}

/// Why description and packet cannot belong together, sizes aside; empty when they can.
std::string_view fault_of_kind(const Offload& offload, const PacketInfo& info)
{
    const bool segmented = offload.gso != Gso::none;
    if (segmented && !offload.needs_checksum) return "GSO without a checksum to complete";
    if (segmented != (offload.segment_size != 0)) return "GSO and segment size disagree";
    if (offload.ecn && !is_tcp(offload.gso)) return "ECN without TCP segments";
    if (offload.needs_checksum && info.fragment) return "fragment";
    if (!matches(offload.gso, info)) return "GSO kind is not the packet's";
    return "";
}

} // namespace

Result<Offload> describe_offload(const VnetHeader& header)
{
    const auto kernel = std::bit_cast<KernelHeader>(header);
    const auto gso = gso_of(kernel.gso_type & static_cast<std::uint8_t>(~type_ecn));
    if (!gso) return not_carried("unknown GSO type");

    Offload offload;
    offload.needs_checksum = (kernel.flags & flag_needs_checksum) != 0;
    offload.ecn = (kernel.gso_type & type_ecn) != 0;
    offload.gso = *gso;
    if (offload.ecn && !is_tcp(*gso)) return not_carried("ECN without TCP segments");
    const bool known_checksum = kernel.checksum_offset == tcp_checksum_offset ||
                                kernel.checksum_offset == udp_checksum_offset;
    if (offload.needs_checksum && !known_checksum)
        return not_carried("checksum of neither TCP nor UDP");
    if (*gso == Gso::none) return offload;

    if (!offload.needs_checksum) return not_carried("GSO without a checksum to complete");
    if (kernel.segment_size == 0) return not_carried("GSO without a segment size");
    offload.segment_size = kernel.segment_size;
    return offload;
}

Result<Offload> describe_offload(const VnetHeader& header, const PacketInfo& info)
{
    auto offload = describe_offload(header);
    if (!offload || !offload->needs_checksum) return offload;
    const auto kernel = std::bit_cast<KernelHeader>(header);
    const auto protocol = kernel.checksum_offset == tcp_checksum_offset ? IPPROTO_TCP : IPPROTO_UDP;
    if (kernel.checksum_start != info.l4_offset || info.protocol != protocol)
        return not_carried("checksum is not the transport header's");
    return offload;
}

bool says_checksum_is_good(const VnetHeader& header) noexcept
{
    return (std::bit_cast<KernelHeader>(header).flags & flag_checksum_is_good) != 0;
}

Result<VnetHeader> rebuild_vnet_header(const Offload& offload, const PacketInfo& info, Bytes packet,
                                       std::uint32_t mtu)
{
    if (const auto fault = fault_of_kind(offload, info); !fault.empty()) return refused(fault);

    KernelHeader kernel;
    std::size_t payload = 0;
    if (offload.needs_checksum) {
        const auto headers = headers_size(info, packet);
        if (!headers) return refused("no whole TCP or UDP header");
        payload = packet.size() - *headers;
        kernel.flags = flag_needs_checksum;
        kernel.headers_size = narrow<std::uint16_t>(*headers);
        kernel.checksum_start = info.l4_offset;
        kernel.checksum_offset =
            info.protocol == IPPROTO_TCP ? tcp_checksum_offset : udp_checksum_offset;
    }
    const bool segmented = offload.gso != Gso::none && payload > offload.segment_size;
    if (!segmented && packet.size() > mtu) return refused("packet is larger than the MTU");
    if (!segmented) return std::bit_cast<VnetHeader>(kernel);

    const auto fault = fault_of_segments(offload, kernel.headers_size, payload, mtu);
    if (!fault.empty()) return refused(fault);
    kernel.segment_size = offload.segment_size;
    kernel.gso_type = kernel_type_of(offload.gso);
    if (offload.ecn) kernel.gso_type |= type_ecn;
    return std::bit_cast<VnetHeader>(kernel);
}

} // namespace braid
