/// Notices an MPTCP connection that no longer gets on although every subflow is well. PURE.
#pragma once

#include "common/base/time.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace braid {

/// After faults on several paths at once a connection was seen to drip: the receiver had dropped
/// data that TCP had acknowledged, as being outside of its MPTCP window (MPTcpExtNoDSSInWindow in
/// nstat), and the kernel sends such data again one fragment for each retransmission timer, for
/// minutes (Linux 6.18). What tells: data is out and has no DATA_ACK (RFC 8684 3.3.2), and all that
/// any subflow has in flight was sent after the last DATA_ACK came. So what the DATA_ACK waits for
/// was acknowledged by TCP, and is in flight nowhere. A peer that does not read shows the same:
/// what its connection has no room for waits in the subflows, without a DATA_ACK. But it also
/// closes its window.
class HoleWatch {
public:
    static constexpr Duration convicts_after = 1s;      ///< of such time
    static constexpr Duration longest_round = 12ms;     ///< what a late look counts for
    static constexpr Duration reads_after = 500ms;      ///< that the peer's window is open
    static constexpr std::uint32_t least_window = 4096; ///< a smaller one is as good as closed

    struct Look {
        std::uint64_t acked = 0;   ///< what the last DATA_ACK told; any number that moves with it
        std::uint64_t unacked = 0; ///< bytes that are out and have no DATA_ACK
        std::uint32_t peer_window = 0; ///< bytes that the peer is ready to take
        /// When the oldest byte left that some subflow has in flight.
        TimePoint oldest_in_flight = TimePoint::max();
        Duration rtt{}; ///< the longest of the subflows
    };

    /// True when the connection has to be given up.
    [[nodiscard]] bool look(TimePoint now, const Look& look)
    {
        const Duration past = std::min<Duration>(now - looked_at_, longest_round);
        looked_at_ = now;
        if (std::exchange(acked_, look.acked) != look.acked) acked_at_ = now;
        if (look.peer_window < least_window) full_at_ = now;
        const bool reads = now - full_at_ > std::max<Duration>(reads_after, 2 * look.rtt);
        const bool hole = reads && look.oldest_in_flight > acked_at_;
        if (look.unacked == 0)
            hole_for_ = {};
        else if (hole)
            hole_for_ += past;
        else // a drip: time without a hole counts back by half
            hole_for_ = std::max<Duration>(hole_for_ - past / 2, 0ms);
        return hole_for_ >= convicts_after + 2 * look.rtt;
    }

    /// Something is out: look on.
    [[nodiscard]] bool suspects() const noexcept { return hole_for_ > Duration::zero(); }

private:
    std::uint64_t acked_ = 0;
    TimePoint acked_at_{};
    TimePoint full_at_{}; ///< the peer's window was closed, the last time
    Duration hole_for_{};
    TimePoint looked_at_{};
};

} // namespace braid
