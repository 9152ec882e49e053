/// Fuzzes the cutting of UDP super-packets, as frames of a record's plaintext, into datagrams.
#include "common/wire/udp_split.hpp"
#include "common/wire/frame.hpp"
#include "common/wire/packet.hpp"

#include <array>
#include <cstdlib>

using namespace braid;

namespace {

constexpr std::uint32_t mtu = 1500;

void require(bool invariant)
{
    if (!invariant) std::abort();
}

/// The datagrams are whole packets of the same flow, and together carry the payload.
void check_datagrams(const UdpSplit& split, const PacketInfo& info, Bytes packet)
{
    const std::size_t headers_size = info.l4_offset + udp_header_size;
    std::array<std::byte, mtu> room{};
    std::size_t carried = 0;
    std::size_t emitted = 0;
    require(split.count() >= 1 && split.count() <= max_segments && split.largest() <= mtu);
    for (std::size_t i = 0; i < split.count(); ++i) {
        const Bytes datagram = split.write(i, room);
        const auto parsed = parse_packet(datagram);
        require(parsed && parsed->source == info.source && parsed->protocol == info.protocol &&
                parsed->l4_offset == info.l4_offset && datagram.size() <= split.largest());
        carried += datagram.size() - headers_size;
        emitted += datagram.size();
    }
    require(emitted * 2 < packet.size() * 5);
    require(carried == packet.size() - headers_size);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    FrameReader reader{std::as_bytes(std::span{data, size})};
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
        const auto& [kind, offload, packet] = **frame;
        const auto info = parse_packet(packet);
        if (kind != FrameKind::packet || !info) continue;
        const auto split = UdpSplit::of(offload, *info, packet, mtu);
        if (split) check_datagrams(*split, *info, packet);
    }
    return 0;
}
