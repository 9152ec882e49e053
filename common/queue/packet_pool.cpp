#include "common/queue/packet_pool.hpp"

#include <cassert>
#include <cstring>
#include <utility>

namespace braid {
namespace {

/// The smallest class whose buffers hold `size` bytes, which the largest one does.
std::size_t class_for(std::size_t size)
{
    std::size_t index = 0;
    while (PacketPool::classes[index].room < size) ++index;
    return index;
}

} // namespace

void PacketBuffer::give_back() noexcept
{
    pool_->give_back(std::move(memory_), room_);
}

void PacketBuffer::set(std::size_t offset, std::size_t size) noexcept
{
    assert(offset <= room_ && size <= room_ - offset);
    offset_ = offset;
    size_ = size;
}

PacketPool::PacketPool()
{
    // Giving back must not allocate: it happens in destructors.
    for (std::size_t i = 0; i < classes.size(); ++i) free_[i].reserve(classes[i].kept);
}

PacketPool::~PacketPool()
{
    assert(lent_ == 0);
}

PacketBuffer PacketPool::large()
{
    return lend(classes.size() - 1);
}

PacketBuffer PacketPool::for_size(std::size_t size)
{
    return lend(class_for(size));
}

PacketBuffer PacketPool::shrink(PacketBuffer buffer)
{
    const std::size_t fitting = class_for(buffer.size_);
    if (buffer.room_ <= classes[fitting].room) return buffer;
    PacketBuffer smaller = lend(fitting);
    if (buffer.size_ > 0) std::memcpy(smaller.memory_.get(), buffer.bytes().data(), buffer.size_);
    smaller.size_ = buffer.size_;
    return smaller;
}

PacketBuffer PacketPool::lend(std::size_t class_index)
{
    auto& free = free_[class_index];
    const std::size_t room = classes[class_index].room;
    Memory memory;
    if (free.empty()) {
        memory = std::make_unique_for_overwrite<std::byte[]>(room);
    } else {
        memory = std::move(free.back());
        free.pop_back();
    }
    ++lent_;
    return {*this, std::move(memory), room};
}

void PacketPool::give_back(Memory memory, std::size_t room) noexcept
{
    --lent_;
    const std::size_t index = class_for(room);
    if (free_[index].size() < classes[index].kept) free_[index].push_back(std::move(memory));
}

} // namespace braid
