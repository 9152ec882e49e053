/// Joins what comes from the TUN in one turn of the loop into super-packets, flow by flow. Pure.
#pragma once

#include "common/queue/fair_queue.hpp"
#include "common/queue/packet_pool.hpp"
#include "common/wire/coalesce.hpp"
#include "common/wire/packet.hpp"

#include <cstddef>
#include <functional>
#include <vector>

namespace braid {

/// Keeps the order within each flow. Nothing waits for what has not come yet: the turn ends with
/// flush().
class Coalescer {
public:
    static constexpr std::size_t most_open = 8; ///< super-packets that grow at a time

    using OnPacket = std::function<void(QueuedPacket packet, const PacketInfo& info)>;

    /// `pool` outlives this object; `on_packet` gets what is complete, from within add() and
    /// flush(), in the smallest buffer that holds it.
    Coalescer(PacketPool& pool, OnPacket on_packet);

    /// Takes the next packet, in a buffer of any size. `checksum_is_good` as for Segment::of.
    void add(QueuedPacket packet, const PacketInfo& info, bool checksum_is_good);
    /// Lets go of everything.
    void flush();

private:
    struct Open {
        QueuedPacket packet;
        PacketInfo info;
        Coalesced joined;
    };

    void join(Open& open, const Segment& segment, Bytes packet);
    void let_go(QueuedPacket packet, const PacketInfo& info);
    void finish(Open& open);

    PacketPool& pool_;
    OnPacket on_packet_;
    std::vector<Open> open_; ///< oldest first, each of another flow
};

} // namespace braid
