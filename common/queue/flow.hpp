/// Which flow a packet belongs to: a keyed hash of its 5-tuple, so that a stranger cannot aim
/// at another's queue.
#pragma once

#include "common/wire/packet.hpp"

#include <array>
#include <cstdint>

namespace braid {

using FlowHash = std::uint64_t;
using FlowKey = std::array<std::byte, 16>; ///< random per process

/// SipHash-2-4 of addresses, protocol and ports. Fragments hash without ports, so that all of
/// a datagram's fragments stay in one flow; the direction matters.
[[nodiscard]] FlowHash hash_flow(const FlowKey& key, const PacketInfo& info);

} // namespace braid
