/// Cuts a UDP super-packet into whole datagrams, for a kernel whose TUN does not take them
/// (Linux before 6.2; PROTOCOL.md, "Offload"). The result needs no offload of any kind. Pure.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/wire/offload.hpp"
#include "common/wire/packet.hpp"

#include <cstddef>
#include <cstdint>

namespace braid {

class UdpSplit {
public:
    /// The datagrams of a packet with Gso::udp, after the checks of rebuild_vnet_header, which
    /// it takes the arguments of. `packet` is borrowed as long as the result is in use.
    /// Errors: those of rebuild_vnet_header; protocol_error also for another kind of GSO.
    [[nodiscard]] static Result<UdpSplit> of(const Offload& offload, const PacketInfo& info,
                                             Bytes packet, std::uint32_t mtu);

    /// How many datagrams there are: 1 to max_segments.
    [[nodiscard]] std::size_t count() const noexcept;
    /// Bytes of the largest datagram, its headers included; at most the MTU.
    [[nodiscard]] std::size_t largest() const noexcept;

    /// Writes datagram `index`, below count(), to the start of `room`, which holds at least
    /// largest() bytes; yields the part of `room` that the datagram takes.
    [[nodiscard]] Bytes write(std::size_t index, MutBytes room) const;

private:
    UdpSplit(Bytes packet, const PacketInfo& info, std::size_t segment_size) noexcept;

    Bytes packet_;
    Family family_;
    std::size_t l4_offset_;
    std::size_t segment_size_; ///< payload bytes of each datagram but the last
};

} // namespace braid
