/// The queue in front of a tunnel: one queue per flow, served by deficit round robin, flows
/// that were empty first (RFC 8290 without CoDel); a byte cap with drop from the fattest flow.
/// Pure.
#pragma once

#include "common/base/time.hpp"
#include "common/queue/flow.hpp"
#include "common/queue/packet_pool.hpp"
#include "common/wire/offload.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace braid {

/// A packet on its way to a lane.
struct QueuedPacket {
    PacketBuffer buffer;
    Offload offload;
    FlowHash flow = 0;
    TimePoint queued_at{};
};

/// Each flow that has packets, or has not yet paid for what it sent, stands in one of two
/// rounds. A flow that comes with its first packet joins the fresh round, which goes first; what
/// it had its turn in, it leaves for the end of the steady round:
///
///   idle --push--> fresh --deficit spent, or empty--> steady --empty, deficit paid--> idle
///
/// A turn ends when the flow's deficit is no longer positive. A packet is sent whole whenever
/// the deficit is positive, so a super-packet drives it far below zero, and the flow then waits
/// for as many rounds as it took too much: shares are of bytes, whatever the packets' sizes.
/// push is O(1) under the cap, O(flows in the rounds) for each drop; pop is O(1) amortised: one
/// step per quantum of bytes sent. The order within a flow is kept.
class FairQueue {
public:
    static constexpr std::size_t default_cap = 4 << 20; ///< bytes of memory held (cost)
    static constexpr std::size_t buckets = 1024;        ///< flows that share one share a queue
    static constexpr std::size_t quantum = 1514;        ///< bytes a flow may send in one turn

    explicit FairQueue(std::size_t cap = default_cap);

    /// Takes the packet (with a buffer); while over the cap, drops from the head of the fattest
    /// flow, which may be the packet's own.
    void push(QueuedPacket packet);
    /// The packet whose turn it is; nullopt when empty.
    [[nodiscard]] std::optional<QueuedPacket> pop();
    /// What pop would yield, borrowed until the next push or pop; null when empty.
    [[nodiscard]] const QueuedPacket* peek();

    [[nodiscard]] bool empty() const noexcept { return packets_ == 0; }
    [[nodiscard]] std::size_t packets() const noexcept { return packets_; }
    [[nodiscard]] std::size_t cost() const noexcept { return cost_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

private:
    using Index = std::uint32_t; ///< of slots_ or flows_
    static constexpr Index nothing = std::numeric_limits<Index>::max();

    /// Head and tail of a list that is linked through its elements' `next`.
    struct List {
        Index head = nothing;
        Index tail = nothing;
    };
    struct Slot {
        QueuedPacket packet;
        Index next = nothing; ///< in its flow, or among the free ones
    };
    struct Flow {
        List packets; ///< of slots_
        std::size_t cost = 0;
        std::int64_t deficit = 0; ///< bytes that it may still send in this turn
        Index next = nothing;     ///< in its round
        bool in_round = false;
    };

    template <typename Element>
    static void append(std::vector<Element>& elements, List& list, Index index);
    template <typename Element>
    static Index take_head(std::vector<Element>& elements, List& list);

    [[nodiscard]] Index slot_for(QueuedPacket packet);
    [[nodiscard]] QueuedPacket take_packet(Flow& flow);
    /// Turns the rounds until the first flow may send and has something; null when none has.
    [[nodiscard]] Flow* flow_in_turn();
    [[nodiscard]] Flow& fattest();

    std::size_t cap_;
    std::vector<Slot> slots_; ///< grows to the most packets ever held: at most the cap's worth
    Index free_slots_ = nothing;
    std::vector<Flow> flows_; ///< buckets
    List fresh_;              ///< of flows_
    List steady_;             ///< of flows_
    std::size_t packets_ = 0;
    std::size_t cost_ = 0;
    std::uint64_t dropped_ = 0;
};

} // namespace braid
