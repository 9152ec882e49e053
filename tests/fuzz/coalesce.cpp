/// Fuzzes the joining of packets, as frames of a record's plaintext: what comes from a LAN may be
/// anything.
#include "common/queue/coalescer.hpp"
#include "common/wire/frame.hpp"
#include "common/wire/packet.hpp"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <vector>

using namespace braid;

namespace {

constexpr std::uint32_t largest_mtu = 65535;
constexpr std::size_t most_packets = 64; // a turn

void require(bool invariant)
{
    if (!invariant) std::abort();
}

/// What the headers of all packets have in front of what is compared.
Bytes payload_of(const PacketInfo& info, Bytes packet)
{
    const Bytes transport = packet.subspan(std::min<std::size_t>(info.l4_offset, packet.size()));
    const bool tcp = info.protocol == 6 && transport.size() >= 20;
    const std::size_t header = tcp ? std::to_integer<std::size_t>(transport[12] >> 4) * 4 : 8;
    return transport.subspan(std::min(header, transport.size()));
}

void append(std::vector<std::byte>& to, Bytes bytes)
{
    to.insert(to.end(), bytes.begin(), bytes.end());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::vector<std::byte> in;
    std::vector<std::byte> out;
    PacketPool pool;
    Coalescer coalescer{
        pool, [&](QueuedPacket packet, const PacketInfo& info) {
            const Bytes bytes = packet.buffer.bytes();
            const auto parsed = parse_packet(bytes);
            require(parsed && parsed->source == info.source && parsed->l4_offset == info.l4_offset);
            const bool joined = packet.flow == 0 && packet.offload.gso != Gso::none;
            require(!joined || (bytes.size() <= Coalesced::most_bytes &&
                                rebuild_vnet_header(packet.offload, *parsed, bytes, largest_mtu)));
            append(out, payload_of(*parsed, bytes));
        }};
    FrameReader reader{std::as_bytes(std::span{data, size})};
    std::size_t packets = 0;
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
        const auto& [kind, offload, packet] = **frame;
        const auto info = parse_packet(packet);
        if (kind != FrameKind::packet || !info || ++packets > most_packets) continue;
        append(in, payload_of(*info, packet));
        PacketBuffer buffer = pool.large();
        std::ranges::copy(packet, buffer.room().begin());
        buffer.set(0, packet.size());
        // One flow, whatever the headers say: so the order is kept. Super-packets are marked.
        const FlowHash super_packet = offload.gso == Gso::none ? 0 : 1;
        if (super_packet != 0) coalescer.flush();
        const bool checksum_is_good = packets % 2 == 0; // else few would pass
        coalescer.add({.buffer = std::move(buffer), .offload = offload, .flow = super_packet},
                      *info, checksum_is_good);
    }
    coalescer.flush();
    require(in == out);
    return 0;
}
