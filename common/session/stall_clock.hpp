/// How long a path has been silent although answers were due, and how long it may be: the
/// threshold learns the path's own gaps. PURE.
#pragma once

#include "common/base/time.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace braid {

/// Looked at every `round`. Only rounds that came in time count: what was silent while this
/// machine was busy elsewhere is no fault of the path. On one that is busy all the time, a silence
/// of hopeless_after is one after all, in which no round counts for more than longest_round.
///
///   quiet --answers overdue--> silent --for `patience()`--> stalled
///   silent, stalled --an answer--> quiet
class StallClock {
public:
    static constexpr Duration round = 5ms;
    static constexpr Duration late_after = 12ms; ///< a round so long after the last tells nothing
    /// So many overdue answers prove a silence. A lone packet may just be lost, and the kernel
    /// sends it again 200 ms and a round trip later.
    static constexpr std::uint32_t proof = 3;
    static constexpr Duration patience_without_proof = 300ms;
    static constexpr Duration least_patience = 45ms; ///< an ACK may be delayed by 40 ms
    static constexpr Duration most_patience = 1s;
    static constexpr Duration hopeless_after = 3s;
    static constexpr Duration longest_round = 100ms;
    static constexpr Duration first_gap = 20ms;      ///< assumed of a path that is not known yet
    static constexpr double gap_halves_after = 30.0; ///< seconds

    /// What one look has found.
    struct Look {
        std::uint32_t overdue = 0; ///< answers that should be here by the path's round trip
        bool progressed = false;   ///< an answer has come since the last look
    };

    void tick(TimePoint now, const Look& look)
    {
        const Duration elapsed = now - last_;
        late_ = elapsed > late_after;
        last_ = now;
        overdue_ = look.overdue;
        fade(elapsed);
        if (look.progressed) learn(silent_);
        if (look.progressed || look.overdue == 0) {
            silent_ = hopeless_ = Duration::zero();
        } else {
            if (!late_) silent_ += elapsed;
            hopeless_ += std::min(elapsed, longest_round);
        }
    }

    /// A silence of this length was none of a dead path.
    void learn(Duration silence)
    {
        silence = std::min(silence, most_patience);
        gap_ = std::max(gap_, std::min(silence, longest_));
        longest_ = std::max(longest_, silence);
    }

    /// `more` patience than usual.
    [[nodiscard]] bool stalled(Duration more = {}) const noexcept
    {
        return !late_ && overdue_ > 0 &&
               (silent_ >= patience() + more || hopeless_ >= hopeless_after);
    }
    /// Since the first answer was overdue, in rounds that came in time.
    [[nodiscard]] Duration silent() const noexcept { return silent_; }
    /// Half as much again as the second longest gap of late: one may be chance.
    [[nodiscard]] Duration patience() const noexcept
    {
        const Duration learnt = std::clamp(gap_ + gap_ / 2 + 15ms, least_patience, most_patience);
        return overdue_ < proof ? std::max(learnt, patience_without_proof) : learnt;
    }

private:
    void fade(Duration elapsed)
    {
        const double seconds =
            std::chrono::duration<double>(std::min<Duration>(elapsed, 1s)).count();
        const double kept = std::exp2(-seconds / gap_halves_after);
        gap_ = std::chrono::duration_cast<Duration>(gap_ * kept);
        longest_ = std::chrono::duration_cast<Duration>(longest_ * kept);
    }

    Duration longest_ = first_gap; ///< of the gaps of late that an answer ended
    Duration gap_ = first_gap;     ///< the second longest
    Duration silent_{};
    Duration hopeless_{}; ///< silent, late rounds included
    std::uint32_t overdue_ = 0;
    TimePoint last_{};
    bool late_ = true;
};

} // namespace braid
