#include "common/wire/frame.hpp"

#include <cassert>
#include <string>
#include <string_view>

namespace braid {
namespace {

// flags of a packet frame
constexpr unsigned needs_checksum_bit = 1;
constexpr unsigned ecn_bit = 2;
constexpr unsigned gso_shift = 2;
constexpr unsigned gso_mask = 3;
constexpr unsigned known_bits = needs_checksum_bit | ecn_bit | gso_mask << gso_shift;

tl::unexpected<Error> malformed(std::string_view reason)
{
    return fail(std::errc::protocol_error, std::string{"frame: "}.append(reason));
}

unsigned flags_of(const Offload& offload)
{
    return (offload.needs_checksum ? needs_checksum_bit : 0u) | (offload.ecn ? ecn_bit : 0u) |
           static_cast<unsigned>(offload.gso) << gso_shift;
}

FrameHeader header(FrameKind kind, const Offload& offload, std::uint16_t length)
{
    assert(length > 0);
    assert((offload.gso != Gso::none) == (offload.segment_size != 0));
    FrameHeader bytes{};
    WireWriter out{bytes};
    out.u8(static_cast<std::uint8_t>(kind));
    out.u8(static_cast<std::uint8_t>(flags_of(offload)));
    out.u16(offload.segment_size);
    out.u16(length);
    return bytes;
}

/// Why these fields cannot stand in one header; empty when they can.
std::string_view fault_of_header(FrameKind kind, unsigned flags, std::uint16_t segment_size)
{
    const bool segmented = (flags >> gso_shift & gso_mask) != 0;
    switch (kind) {
    case FrameKind::packet:
        if ((flags & ~known_bits) != 0) return "unknown flags";
        return segmented == (segment_size != 0) ? "" : "GSO and segment size disagree";
    case FrameKind::message: return flags == 0 && segment_size == 0 ? "" : "offload of a message";
    }
    return "unknown kind";
}

} // namespace

FrameHeader packet_frame_header(const Offload& offload, std::uint16_t length)
{
    return header(FrameKind::packet, offload, length);
}

FrameHeader message_frame_header(std::uint16_t length)
{
    return header(FrameKind::message, {}, length);
}

Result<std::optional<Frame>> FrameReader::next()
{
    if (rest_.empty()) return std::nullopt;
    WireReader in{rest_};
    const auto kind = FrameKind{in.u8()};
    const unsigned flags = in.u8();
    const auto segment_size = in.u16();
    const auto payload = in.take(in.u16());
    if (!in.ok()) return malformed("cut short");
    if (payload.empty()) return malformed("empty payload");
    const auto fault = fault_of_header(kind, flags, segment_size);
    if (!fault.empty()) return malformed(fault);

    rest_ = in.rest();
    Frame frame{.kind = kind, .offload = {}, .payload = payload};
    frame.offload.needs_checksum = (flags & needs_checksum_bit) != 0;
    frame.offload.ecn = (flags & ecn_bit) != 0;
    frame.offload.gso = Gso{static_cast<std::uint8_t>(flags >> gso_shift & gso_mask)};
    frame.offload.segment_size = segment_size;
    return frame;
}

} // namespace braid
