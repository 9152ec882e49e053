/// Frames: what the plaintext of a record consists of. PROTOCOL.md, "Frames":
///
///   kind:8  flags:8  segment_size:16  length:16  payload
///
/// kind 1 is an IP packet (flags and segment_size are its Offload), kind 2 a control message.
/// flags of a packet, from the lowest bit: needs_checksum:1, ecn:1, gso:2, then zeros.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/wire/offload.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace braid {

enum class FrameKind : std::uint8_t { packet = 1, message = 2 };

constexpr std::size_t frame_header_size = 6;

struct Frame {
    FrameKind kind = FrameKind::packet;
    Offload offload; ///< of a packet
    Bytes payload;   ///< borrowed from the record
};

using FrameHeader = std::array<std::byte, frame_header_size>;

/// The header of a packet frame; the packet's bytes, at least one, follow it. The offload has a
/// segment size if and only if it has GSO.
[[nodiscard]] FrameHeader packet_frame_header(const Offload& offload, std::uint16_t length);
/// The header of a message frame.
[[nodiscard]] FrameHeader message_frame_header(std::uint16_t length);

/// Takes the frames of one opened record in turn.
class FrameReader {
public:
    explicit FrameReader(Bytes record) noexcept : rest_(record) {}

    /// The next frame, or nullopt at the end of the record.
    /// Errors (protocol_error): cut short, unknown kind, empty payload, bits set that must be
    /// zero, or a segment size without GSO and the reverse: the peer is broken, close the lane.
    /// An error stays: every later call repeats it.
    [[nodiscard]] Result<std::optional<Frame>> next();

private:
    Bytes rest_;
};

} // namespace braid
