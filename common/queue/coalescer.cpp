#include "common/queue/coalescer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace braid {

Coalescer::Coalescer(PacketPool& pool, OnPacket on_packet)
    : pool_(pool), on_packet_(std::move(on_packet))
{
    open_.reserve(most_open);
}

void Coalescer::add(QueuedPacket packet, const PacketInfo& info, bool checksum_is_good)
{
    const Bytes bytes = packet.buffer.bytes();
    const auto segment = Segment::of(packet.offload, info, bytes, checksum_is_good);
    const auto same_flow = [&](const Open& open) { return open.packet.flow == packet.flow; };
    auto open = std::ranges::find_if(open_, same_flow);
    if (open != open_.end()) {
        const bool joins =
            segment && open->joined.takes(*segment, bytes, open->packet.buffer.bytes());
        if (joins) join(*open, *segment, bytes);
        if (!joins || open->joined.closed()) {
            finish(*open);
            open_.erase(open);
        }
        if (joins) return;
    }
    if (!segment || segment->pushed) return let_go(std::move(packet), info);
    if (open_.size() == most_open) {
        finish(open_.front());
        open_.erase(open_.begin());
    }
    open_.push_back({std::move(packet), info, Coalesced{*segment}});
}

void Coalescer::flush()
{
    for (Open& open : open_) finish(open);
    open_.clear();
}

void Coalescer::join(Open& open, const Segment& segment, Bytes packet)
{
    PacketBuffer& buffer = open.packet.buffer;
    if (open.joined.count() == 1) {
        PacketBuffer roomy = pool_.for_size(Coalesced::most_bytes);
        std::memcpy(roomy.room().data(), buffer.bytes().data(), buffer.size());
        buffer = std::move(roomy);
    }
    open.joined.append(segment, packet, buffer.room());
    buffer.set(0, open.joined.size());
}

void Coalescer::let_go(QueuedPacket packet, const PacketInfo& info)
{
    packet.buffer = pool_.shrink(std::move(packet.buffer));
    on_packet_(std::move(packet), info);
}

void Coalescer::finish(Open& open)
{
    QueuedPacket& packet = open.packet;
    if (open.joined.count() > 1)
        packet.offload =
            open.joined.finish(open.info, packet.buffer.room().first(open.joined.size()));
    let_go(std::move(packet), open.info);
}

} // namespace braid
