/// Times as types. Logic takes `now`; only owners of a loop ask a clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace braid {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// Waits that double from `first` to `most`, each shortened by up to a third at random so that
/// many clients of one server do not come back in step. Pure: the caller supplies the chance.
class Backoff {
public:
    constexpr Backoff(Duration first, Duration most) noexcept : first_(first), most_(most) {}

    /// The next wait. `chance` is uniform over its whole range.
    [[nodiscard]] constexpr Duration next(std::uint32_t chance) noexcept
    {
        const Duration full = wait_ == Duration::zero() ? first_ : std::min(wait_ * 2, most_);
        wait_ = full;
        const auto third = full / 3;
        return full - third * static_cast<std::int64_t>(chance >> 16) / 65536;
    }

    constexpr void reset() noexcept { wait_ = Duration::zero(); }

private:
    Duration first_;
    Duration most_;
    Duration wait_{};
};

} // namespace braid
