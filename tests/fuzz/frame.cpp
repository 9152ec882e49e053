/// Fuzzes a record's plaintext as it comes from a peer: frames, and for packets everything up to
/// the header that the TUN is given.
#include "common/wire/frame.hpp"
#include "common/wire/packet.hpp"

#include <bit>
#include <cstdlib>

using namespace braid;

namespace {

constexpr std::uint32_t mtu = 1500;

void require(bool invariant)
{
    if (!invariant) std::abort();
}

/// struct virtio_net_hdr with its kernel names.
struct Kernel {
    std::uint8_t flags, gso_type;
    std::uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

void check_header(const Kernel& header, std::size_t size)
{
    require(header.flags <= 1 && header.hdr_len <= size);
    require(header.flags == 0 || header.csum_start + header.csum_offset + 2 <= header.hdr_len);
    if (header.gso_type == 0) return require(size <= mtu && header.gso_size == 0);

    const std::size_t payload = size - header.hdr_len;
    require(header.flags == 1);
    require(header.gso_size >= min_segment_size && header.gso_size < payload);
    require(header.hdr_len + header.gso_size <= mtu);
    const std::size_t segments = (payload + header.gso_size - 1) / header.gso_size;
    require(segments <= max_segments);
    const std::size_t emitted = payload + segments * header.hdr_len;
    require(emitted * 2 < size * 5);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    FrameReader reader{std::as_bytes(std::span{data, size})};
    for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
        const auto& [kind, offload, payload] = **frame;
        const auto info = parse_packet(payload);
        if (kind != FrameKind::packet || !info) continue;
        const auto header = rebuild_vnet_header(offload, *info, payload, mtu);
        if (header) check_header(std::bit_cast<Kernel>(*header), payload.size());
    }
    return 0;
}
