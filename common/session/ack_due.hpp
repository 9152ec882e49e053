/// When the ACK of a TCP flow's oldest unacknowledged byte is due. PURE.
#pragma once

#include "common/base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace braid {

/// The kernel tells how much was sent and acknowledged, not when: this remembers the first.
class AckDue {
public:
    /// Takes the flow's counters at every look: bytes that were put on the wire for the first
    /// time, and those of them that are acknowledged.
    void look(TimePoint now, std::uint64_t sent, std::uint64_t acked)
    {
        if (size_ == 0 || sent != newest().sent) push({now, sent});
        while (size_ > 1 && oldest().sent <= acked) drop_oldest();
        owing_ = sent > acked;
    }

    /// When the oldest byte without an ACK left; none when all have one.
    [[nodiscard]] std::optional<TimePoint> oldest_sent() const noexcept
    {
        if (!owing_) return std::nullopt;
        return oldest().at;
    }
    /// False before anything is owed, or while its round trip is not over.
    [[nodiscard]] bool overdue(TimePoint now, Duration rtt) const noexcept
    {
        return owing_ && now - oldest().at >= rtt;
    }

private:
    struct Sent {
        TimePoint at{};
        std::uint64_t sent = 0; ///< in all, by then
    };
    static constexpr std::size_t room = 256; ///< looks with something new

    [[nodiscard]] const Sent& oldest() const noexcept { return ring_[first_]; }
    [[nodiscard]] const Sent& newest() const noexcept { return ring_[(first_ + size_ - 1) % room]; }
    void push(const Sent& sent)
    {
        if (size_ == room) {
            // The youngest gives way to it: what is due is found late then, not early.
            ring_[(first_ + size_ - 1) % room] = sent;
            return;
        }
        ring_[(first_ + size_) % room] = sent;
        ++size_;
    }
    void drop_oldest()
    {
        first_ = (first_ + 1) % room;
        --size_;
    }

    std::array<Sent, room> ring_{};
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    bool owing_ = false;
};

} // namespace braid
