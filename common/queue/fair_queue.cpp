#include "common/queue/fair_queue.hpp"

#include <cassert>
#include <utility>

namespace braid {

FairQueue::FairQueue(std::size_t cap) : cap_(cap), flows_(buckets) {}

void FairQueue::push(QueuedPacket packet)
{
    assert(packet.buffer);
    const auto index = narrow<Index>(packet.flow % buckets);
    Flow& flow = flows_[index];
    const std::size_t packet_cost = packet.buffer.cost();
    append(slots_, flow.packets, slot_for(std::move(packet)));
    flow.cost += packet_cost;
    cost_ += packet_cost;
    ++packets_;
    if (!flow.in_round) {
        flow.in_round = true;
        flow.deficit = quantum;
        append(flows_, fresh_, index);
    }
    while (cost_ > cap_) {
        static_cast<void>(take_packet(fattest()));
        ++dropped_;
    }
}

std::optional<QueuedPacket> FairQueue::pop()
{
    Flow* const flow = flow_in_turn();
    if (flow == nullptr) return std::nullopt;
    auto packet = take_packet(*flow);
    flow->deficit -= narrow<std::int64_t>(packet.buffer.size());
    return packet;
}

const QueuedPacket* FairQueue::peek()
{
    const Flow* const flow = flow_in_turn();
    return flow == nullptr ? nullptr : &slots_[flow->packets.head].packet;
}

template <typename Element>
void FairQueue::append(std::vector<Element>& elements, List& list, Index index)
{
    elements[index].next = nothing;
    (list.tail == nothing ? list.head : elements[list.tail].next) = index;
    list.tail = index;
}

template <typename Element>
FairQueue::Index FairQueue::take_head(std::vector<Element>& elements, List& list)
{
    const Index index = list.head;
    list.head = elements[index].next;
    if (list.head == nothing) list.tail = nothing;
    return index;
}

FairQueue::Index FairQueue::slot_for(QueuedPacket packet)
{
    if (free_slots_ == nothing) {
        slots_.push_back({.packet = std::move(packet), .next = nothing});
        return narrow<Index>(slots_.size() - 1);
    }
    const Index index = free_slots_;
    free_slots_ = slots_[index].next;
    slots_[index].packet = std::move(packet);
    return index;
}

QueuedPacket FairQueue::take_packet(Flow& flow)
{
    const Index index = take_head(slots_, flow.packets);
    Slot& slot = slots_[index];
    slot.next = std::exchange(free_slots_, index);
    flow.cost -= slot.packet.buffer.cost();
    cost_ -= slot.packet.buffer.cost();
    --packets_;
    return std::move(slot.packet);
}

FairQueue::Flow* FairQueue::flow_in_turn()
{
    while (packets_ > 0) {
        List& round = fresh_.head != nothing ? fresh_ : steady_;
        Flow& flow = flows_[round.head];
        const bool has_packets = flow.packets.head != nothing;
        if (flow.deficit > 0 && has_packets) return &flow;

        // An empty fresh flow goes to the steady round too: were it let go, its next packet
        // would be fresh again and could starve the steady flows (RFC 8290 4.2).
        const bool leaves = flow.deficit > 0 && &round == &steady_;
        if (flow.deficit <= 0) flow.deficit += std::int64_t{quantum};
        const Index index = take_head(flows_, round);
        if (leaves)
            flow.in_round = false;
        else
            append(flows_, steady_, index);
    }
    return nullptr;
}

FairQueue::Flow& FairQueue::fattest()
{
    // The steady round first: on a draw a fresh flow keeps its packet.
    Index found = steady_.head != nothing ? steady_.head : fresh_.head;
    for (const Index head : {steady_.head, fresh_.head})
        for (Index i = head; i != nothing; i = flows_[i].next)
            if (flows_[i].cost > flows_[found].cost) found = i;
    assert(flows_[found].packets.head != nothing);
    return flows_[found];
}

} // namespace braid
