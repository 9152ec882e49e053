#include "common/session/lane_sender.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

/// For messages behind an unsent record.
constexpr std::size_t message_room = std::size_t{16} * 1024;
constexpr std::size_t out_room = max_unit_size + message_room;
// A record closes at or after its target, by one packet of 64 KiB at most: within
// max_record_plaintext.
constexpr std::size_t bulk_record = std::size_t{60} * 1024;
constexpr std::size_t shaped_record = std::size_t{8} * 1024;

} // namespace

LaneSender::Block::Block() : bytes_(out_room) {}

void LaneSender::Block::run(std::size_t thread) noexcept
{
    work->run(std::span{segments_}.first(2 * count_), thread);
}

LaneSender::Sealed LaneSender::Block::gather(FairQueue& queue, std::size_t target)
{
    Sealed taken;
    while (count_ < packets_per_record && plaintext_ < target && !queue.empty()) {
        auto packet = queue.pop();
        const std::size_t size = packet->buffer.size();
        headers_[count_] = packet_frame_header(packet->offload, narrow<std::uint16_t>(size));
        packets_[count_] = std::move(packet->buffer);
        segments_[2 * count_] = headers_[count_];
        segments_[2 * count_ + 1] = packets_[count_].bytes();
        plaintext_ += frame_header_size + size;
        taken.bytes += size;
        ++count_;
    }
    taken.packets = count_;
    return taken;
}

void LaneSender::Block::drop_packets() noexcept
{
    while (count_ > 0) packets_[--count_] = {};
    plaintext_ = 0;
}

void LaneSender::Block::clear() noexcept
{
    drop_packets();
    under_way = false;
    sent_ = used_ = 0;
}

LaneSender::LaneSender(RecordSealer sealer, RecordLine& line, TimePoint now)
    : sealer_(std::move(sealer)), line_(line), keyed_at_(now)
{
    blocks_.push_back(std::make_unique<Block>());
}

bool LaneSender::ready()
{
    if (empty()) return true;
    return !blocked_ && used_ < blocks_.size() && gate_.bulk() && line_.for_bulk() != nullptr;
}

Result<LaneSender::Sealed> LaneSender::seal_packets(FairQueue& queue, TimePoint now)
{
    rekey_when_due(now);
    WorkLine* const line = gate_.bulk() ? line_.for_bulk() : nullptr;
    while (line != nullptr && empty() && blocks_.size() < blocks_with_workers)
        blocks_.push_back(std::make_unique<Block>());
    Block& block = add_block();
    const Sealed taken = block.gather(queue, gate_.bulk() ? bulk_record : shaped_record);
    const auto work = sealer_.begin(block.plaintext(), block.room());
    if (!work) return fail(work.error());
    block.work = *work;
    block.add(work->size());
    if (line != nullptr) {
        block.under_way = true;
        line->submit(block);
    } else {
        block.run(0);
        block.drop_packets();
    }
    return taken;
}

Status LaneSender::seal_message(Bytes header, Bytes payload, TimePoint now)
{
    const std::array segments{header, payload};
    // A thread that seals the record before it writes to another part of the block.
    Block& last = empty() ? add_block() : block(used_ - 1);
    if (header.size() + payload.size() + sealer_.overhead() > last.room().size())
        return fail(std::errc::no_buffer_space, "the peer does not read what it asks for");
    rekey_when_due(now);
    const auto size = sealer_.seal(segments, last.room());
    if (!size) return fail(size.error());
    last.add(*size);
    return {};
}

void LaneSender::rekey_when_due(TimePoint now)
{
    if (!sealer_.should_rekey() && now - keyed_at_ < rekey_after) return;
    line_.finish();
    sealer_.rekey();
    keyed_at_ = now;
}

LaneSender::Block& LaneSender::add_block()
{
    if (empty()) first_ = 0; // the one that the processor's cache has, where one is enough
    ++used_;
    return block(used_ - 1);
}

bool LaneSender::settle(Block& block) noexcept
{
    if (!block.under_way) return true;
    if (!block.done()) return false;
    block.under_way = false;
    block.drop_packets();
    return true;
}

Status LaneSender::flush(int fd, TimePoint now)
{
    blocked_ = false;
    while (!empty()) {
        Block& head = block(0);
        if (!settle(head)) return {};
        while (!head.unsent().empty()) {
            const Bytes rest = head.unsent();
            const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && errno == EAGAIN) {
                blocked_ = true;
                return {};
            }
            if (n < 0) return fail_errno("send", "to peer");
            gate_.sent(static_cast<std::size_t>(n), now);
            head.sent(static_cast<std::size_t>(n));
        }
        head.clear();
        first_ = (first_ + 1) % blocks_.size();
        --used_;
    }
    return {};
}

void LaneSender::clear() noexcept
{
    for (const auto& each : blocks_) each->clear();
    used_ = 0;
    blocked_ = false;
}

} // namespace braid
