/// Whether worker threads should seal and open records, by what processors have been doing. PURE.
#pragma once

#include "common/base/time.hpp"
#include "common/sys/cpu_time.hpp"

#include <optional>

namespace braid {

/// Fed while a lane carries much, and only then.
///
///   inline --the process used 90 % of a processor for 200 ms, half a one was spare--> pool
///   pool --for a second: below 70 %, or less than half a one spare--> inline
///   pool --nothing fed for longer than a second--> inline
///
/// Spare is what nobody used and what the workers had: what they would have. The whole process
/// counts and not its loop alone: what the workers do comes back to the loop without them.
class WorkerUse {
public:
    static constexpr auto window = 200ms; ///< over which is measured
    static constexpr auto patience = 1s;
    static constexpr double saturated = 0.9; ///< of a processor
    static constexpr double relaxed = 0.7;
    static constexpr double worth = 0.5; ///< less than this much spare is of no use

    /// Whether it is time for the next sample: at most one in a window is of use.
    [[nodiscard]] bool due(TimePoint now) const noexcept
    {
        return !last_at_ || now - *last_at_ >= window;
    }

    void sample(const CpuTime& time, TimePoint now) noexcept
    {
        if (last_at_ && now - *last_at_ >= window) judge(time, now);
        last_at_ = now;
        last_ = time;
    }

    [[nodiscard]] bool pool() const noexcept { return pool_; }

private:
    void judge(const CpuTime& time, TimePoint now) noexcept
    {
        const Duration passed = now - *last_at_;
        if (passed > patience) return leave(); // the lane was quiet meanwhile
        const double used = share(time.process - last_.process, passed);
        const Duration workers =
            (time.process - last_.process) - (time.thread - last_.thread); // 0 without any
        const double spare = share(time.idle - last_.idle + workers, passed);
        if (!pool_) {
            pool_ = used >= saturated && spare >= worth;
            needed_at_ = now;
        } else if (used >= relaxed && spare >= worth) {
            needed_at_ = now;
        } else if (now - needed_at_ >= patience) {
            leave();
        }
    }
    void leave() noexcept { pool_ = false; }
    [[nodiscard]] static double share(Duration part, Duration whole) noexcept
    {
        return std::chrono::duration<double>(part) / std::chrono::duration<double>(whole);
    }

    bool pool_ = false;
    TimePoint needed_at_{}; ///< when the pool was last of use
    std::optional<TimePoint> last_at_;
    CpuTime last_{};
};

} // namespace braid
