/// Notices a lane that stands still although its way works. PURE.
#pragma once

#include "common/base/time.hpp"

#include <utility>

namespace braid {

/// MPTCP tunnels have been seen to stand still for good after a fault, while TCP below them seemed
/// well. What tells is an answer through the lane itself: while it is in use and silent, pings are
/// sent; one that has no answer although a path works, by the probes beside the lane, convicts.
class FreezeWatch {
public:
    static constexpr Duration ping_after = 500ms; ///< of silence, and between pings
    static constexpr Duration frozen_after = 1500ms;

    struct Look {
        bool in_use = false;     ///< packets went through the lane, or wait for it
        TimePoint heard_at{};    ///< a byte came out of the lane
        bool path_works = false; ///< probes come back over an uplink that the lane uses
        Duration rtt{};          ///< of that uplink, as loaded as it is
    };
    enum class Advice { none, ping, frozen };

    [[nodiscard]] Advice look(TimePoint now, const Look& look)
    {
        if (!look.path_works || !look.in_use || now - look.heard_at < ping_after) {
            suspicious_ = gave_time_ = false;
            return Advice::none;
        }
        if (!suspicious_) {
            suspicious_ = true;
            suspicious_since_ = pinged_at_ = now;
            return Advice::ping;
        }
        // Since the first ping; an answer may stand behind all that both ends have queued.
        if (now - suspicious_since_ >= frozen_after - ping_after + 2 * look.rtt)
            return Advice::frozen;
        if (now - pinged_at_ < ping_after) return Advice::none;
        pinged_at_ = now;
        return Advice::ping;
    }

    /// A subflow is made again, which may be all that it takes: once in a silence, it gets as much
    /// time as the first ping had. What the lane holds would be lost with it.
    void subflow_remade(TimePoint now) noexcept
    {
        if (suspicious_ && !std::exchange(gave_time_, true)) suspicious_since_ = now;
    }

private:
    bool suspicious_ = false;
    bool gave_time_ = false;
    TimePoint suspicious_since_{}; ///< when the first ping was advised
    TimePoint pinged_at_{};
};

} // namespace braid
