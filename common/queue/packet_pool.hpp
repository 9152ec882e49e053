/// Reusable buffers for packets between the TUN and the lanes: three sizes, free lists, no
/// allocation per packet once warm. One loop, no locks.
#pragma once

#include "common/base/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace braid {

class PacketPool;

/// One packet's bytes in a pooled buffer; gives the buffer back when it dies. Must die before
/// its pool. Empty after a move.
class PacketBuffer {
public:
    PacketBuffer() noexcept = default;
    // Inline, since a packet is moved some ten times on its way.
    PacketBuffer(PacketBuffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)),
          memory_(std::move(other.memory_)),
          room_(std::exchange(other.room_, 0)),
          offset_(std::exchange(other.offset_, 0)),
          size_(std::exchange(other.size_, 0))
    {
    }
    PacketBuffer& operator=(PacketBuffer&& other) noexcept
    {
        PacketBuffer taken{std::move(other)};
        std::swap(pool_, taken.pool_);
        std::swap(memory_, taken.memory_);
        std::swap(room_, taken.room_);
        std::swap(offset_, taken.offset_);
        std::swap(size_, taken.size_);
        return *this;
    }
    ~PacketBuffer()
    {
        if (pool_ != nullptr) give_back();
    }

    /// All room of the buffer, for filling; its first content is indeterminate.
    [[nodiscard]] MutBytes room() noexcept { return {memory_.get(), room_}; }
    /// Declares which part of the room is the packet.
    void set(std::size_t offset, std::size_t size) noexcept;
    [[nodiscard]] Bytes bytes() const noexcept
    {
        return Bytes{memory_.get(), room_}.subspan(offset_, size_);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Memory that this buffer holds, whatever the packet's size.
    [[nodiscard]] std::size_t cost() const noexcept { return room_; }
    explicit operator bool() const noexcept { return pool_ != nullptr; }

private:
    friend class PacketPool;
    using Memory = std::unique_ptr<std::byte[]>;
    PacketBuffer(PacketPool& pool, Memory memory, std::size_t room) noexcept
        : pool_(&pool), memory_(std::move(memory)), room_(room)
    {
    }
    void give_back() noexcept;

    PacketPool* pool_ = nullptr; ///< outlives this buffer
    Memory memory_;
    std::size_t room_ = 0; ///< bytes of memory_
    std::size_t offset_ = 0;
    std::size_t size_ = 0;
};

class PacketPool {
public:
    static constexpr std::size_t headroom = 64;     ///< for the vnet header of a TUN read
    static constexpr std::size_t small_room = 2048; ///< an MTU-sized packet
    static constexpr std::size_t medium_room = 16384 + headroom; ///< what 30 to 100 Mbit/s yield
    static constexpr std::size_t large_room = 65536 + headroom;  ///< a read of the largest packet

    struct SizeClass {
        std::size_t room; ///< bytes of a buffer
        std::size_t kept; ///< free buffers kept for reuse
    };
    /// From small to large; kept are 2, about 4 and about 4 MiB.
    static constexpr std::array<SizeClass, 3> classes{
        {{small_room, 1024}, {medium_room, 256}, {large_room, 64}}};

    PacketPool();
    ~PacketPool();
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;

    [[nodiscard]] PacketBuffer large();
    /// The smallest that holds `size` bytes, at most what large() holds.
    [[nodiscard]] PacketBuffer for_size(std::size_t size);
    /// Moves a packet that fits into a smaller class of buffer to the smallest such, to offset 0;
    /// yields others unchanged.
    [[nodiscard]] PacketBuffer shrink(PacketBuffer buffer);

private:
    friend class PacketBuffer;
    using Memory = PacketBuffer::Memory;
    [[nodiscard]] PacketBuffer lend(std::size_t class_index);
    void give_back(Memory memory, std::size_t room) noexcept;

    /// By class, at most its `kept`; more are freed.
    std::array<std::vector<Memory>, classes.size()> free_;
    std::size_t lent_ = 0; ///< buffers that are alive; none may outlive the pool
};

} // namespace braid
