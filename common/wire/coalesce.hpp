/// Joins packets of one flow that follow each other into one super-packet, as the kernel's GRO does
/// where a device has it: what came singly then crosses the tunnel, and the kernel behind it, once.
/// The far kernel cuts the same packets from it again. Pure.
#pragma once

#include "common/base/bytes.hpp"
#include "common/wire/offload.hpp"
#include "common/wire/packet.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace braid {

/// A packet that others of its flow may follow in a super-packet.
struct Segment {
    Gso gso = Gso::none;        ///< of the super-packet
    std::size_t headers = 0;    ///< bytes of IP and transport header together
    std::size_t payload = 0;    ///< bytes behind them, not 0
    std::uint32_t sequence = 0; ///< of TCP
    bool pushed = false;        ///< TCP's PSH: nothing may follow, so that it stays where it was

    /// Yields none where the packet must go as it is: not TCP or UDP right behind a plain IP
    /// header; an IPv4 packet that may be fragmented (its identification counts); a fragment or a
    /// super-packet; TCP flags but ACK, ECE and PSH (CWR and URG are of one segment alone); nothing
    /// or less than min_segment_size behind the headers; UDP without a checksum; a checksum that is
    /// wrong, which nobody would notice any more. `checksum_is_good`: the kernel has looked at it.
    [[nodiscard]] static std::optional<Segment> of(const Offload& offload, const PacketInfo& info,
                                                   Bytes packet, bool checksum_is_good);
};

/// A super-packet that grows in the caller's buffer.
class Coalesced {
public:
    /// The most bytes with headers: some ms on a slow uplink, and few enough system calls.
    static constexpr std::size_t most_bytes = std::size_t{16} * 1024;

    explicit Coalesced(const Segment& first) noexcept
        : first_(first), size_(first.headers + first.payload), sequence_(first.sequence)
    {
        note_end(first);
    }

    /// Whether `packet`, which is `next`, follows what is in `super_packet` (the first `size()`
    /// bytes of the buffer): the same headers but for what counts on, and the segments of one size
    /// but for the last.
    [[nodiscard]] bool takes(const Segment& next, Bytes packet, Bytes super_packet) const noexcept;
    /// Copies the payload of a packet that it takes behind what `buffer` holds, which has room for
    /// most_bytes.
    void append(const Segment& next, Bytes packet, MutBytes buffer) noexcept;
    /// Nothing can follow.
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    /// Writes the lengths and checksums of the whole into its headers; yields how to cut it.
    [[nodiscard]] Offload finish(const PacketInfo& info, MutBytes super_packet) const noexcept;

private:
    void note_end(const Segment& segment) noexcept;

    Segment first_;
    std::size_t size_;
    std::size_t count_ = 1;
    std::uint32_t sequence_; ///< of the last one
    std::size_t last_payload_ = 0;
    bool closed_ = false;
};

} // namespace braid
