// The memory for the frames that a link holds: slots of one size, made on demand up to a bound and
// used again. Holding all of them, a link takes 128 MiB.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace braid::lab {

class FramePool {
public:
    static constexpr std::size_t slot_bytes = 2048; ///< a frame must be shorter: MTU <= 2000

    explicit FramePool(std::uint32_t max_slots) : max_slots_(max_slots) {}

    /// Yields a free slot. The owner never holds more than `max_slots`.
    [[nodiscard]] std::uint32_t acquire()
    {
        if (free_.empty()) grow();
        const auto slot = free_.back();
        free_.pop_back();
        return slot;
    }

    void release(std::uint32_t slot) { free_.push_back(slot); }

    [[nodiscard]] std::span<std::byte, slot_bytes> slot(std::uint32_t number)
    {
        std::byte* chunk = chunks_[number / chunk_slots].get();
        return std::span<std::byte, slot_bytes>{chunk + number % chunk_slots * slot_bytes,
                                                slot_bytes};
    }

private:
    static constexpr std::uint32_t chunk_slots = 256;

    void grow()
    {
        const auto first = static_cast<std::uint32_t>(chunks_.size()) * chunk_slots;
        assert(first < max_slots_);
        chunks_.push_back(std::make_unique<std::byte[]>(chunk_slots * slot_bytes));
        for (std::uint32_t i = chunk_slots; i > 0; --i) free_.push_back(first + i - 1);
    }

    std::uint32_t max_slots_;
    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    std::vector<std::uint32_t> free_;
};

} // namespace braid::lab
