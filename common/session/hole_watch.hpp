/// Notices an MPTCP connection that sends no more although every subflow is well. PURE.
#pragma once

#include "common/base/time.hpp"

#include <algorithm>
#include <cstdint>

namespace braid {

/// After faults on several paths at once a connection was seen to drip: each subflow had all of its
/// bytes acknowledged by TCP, yet the peer had dropped some as being outside of its MPTCP window
/// (MPTcpExtNoDSSInWindow), and the kernel sent them again one fragment for each retransmission
/// timer, for minutes. What tells: data is out and unacknowledged at the level of the connection
/// (write_seq and snd_una, RFC 8684 3.3.2), and no subflow has anything in flight or waiting.
class HoleWatch {
public:
    static constexpr Duration convicts_after = 1s; ///< of such time
    static constexpr Duration longest_round = 12ms; ///< what a late look counts for

    struct Look {
        std::uint64_t unacked = 0; ///< bytes that are out and have no DATA_ACK
        bool in_flight = false;    ///< of any subflow: unacknowledged by TCP, or not sent yet
    };

    /// True when the connection has to be given up.
    [[nodiscard]] bool look(TimePoint now, const Look& look)
    {
        const Duration past = std::min<Duration>(now - looked_at_, longest_round);
        looked_at_ = now;
        if (look.unacked == 0)
            hole_for_ = {};
        else if (look.in_flight) // a drip: time of it counts back by half
            hole_for_ = std::max<Duration>(hole_for_ - past / 2, 0ms);
        else
            hole_for_ += past;
        return hole_for_ >= convicts_after;
    }

    /// Something is out: look on.
    [[nodiscard]] bool suspects() const noexcept { return hole_for_ > Duration::zero(); }

private:
    Duration hole_for_{};
    TimePoint looked_at_{};
};

} // namespace braid
