/// Which subflow of a peer's lane to cut because what is sent into it does not arrive. PURE.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/time.hpp"
#include "common/session/ack_due.hpp"
#include "common/session/lateness.hpp"
#include "common/session/stall_clock.hpp"
#include "common/sys/mptcp.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace braid {

/// Outlives the peer's lanes and subflows: what was learnt of the way to one of its addresses
/// serves the next subflow there.
class StallVerdict {
public:
    /// A subflow is only cut for the sake of another that has been silent for less than this.
    /// More patience than the client, which has probes besides.
    static constexpr Duration acks_only = 20ms;
    static constexpr Duration lively = 4 * StallClock::round;
    /// A way that works again within this time had a gap, which is learnt; else it was dead.
    static constexpr Duration outage = 1s;
    static constexpr std::size_t most_remembered = 16; ///< ways without a subflow; then the oldest

    struct Conviction {
        Endpoint local;
        Endpoint remote;
        Duration silent{};
    };

    /// One look at a lane's living subflows, every StallClock::round while anything is owed.
    /// Yields one to cut now, if any; it is then taken to be cut.
    [[nodiscard]] std::optional<Conviction> look(TimePoint now,
                                                 std::span<const mptcp::Subflow> living);

    /// A look came so much later than it was due.
    void came_late(TimePoint now, Duration by) { lateness_.note(now, by); }

    /// Of all subflows, when the oldest byte without an ACK left, and the longest round trip.
    struct InFlight {
        TimePoint oldest = TimePoint::max();
        Duration rtt{};
    };
    [[nodiscard]] InFlight in_flight() const;

    /// True while an ACK is overdue: then the next look is due.
    [[nodiscard]] bool waits() const;

private:
    struct Watched {
        Endpoint local;
        Endpoint remote;
        StallClock clock;
        AckDue ack_due;
        Duration rtt{};
        std::uint32_t delivered = 0;
        bool overdue = false;
    };
    struct Remembered {
        Address remote;
        StallClock clock;
        Duration silent{}; ///< when it went; only what was silent then had a gap
        TimePoint gone_at{};
    };
    void follow(TimePoint now, std::span<const mptcp::Subflow> living);
    [[nodiscard]] StallClock clock_for(TimePoint now, const Address& remote);
    void remember(TimePoint now, const Watched& gone);
    [[nodiscard]] bool another_lives(const Watched& than) const;

    std::vector<Watched> watched_;
    Lateness lateness_;
    std::vector<Remembered> remembered_; ///< oldest first
};

} // namespace braid
