/// How much may wait unsent inside the kernel: little while a link is the bottleneck, so that
/// the queue stays in front of the tunnel where a sparse flow can overtake. PURE.
#pragma once

#include "common/base/time.hpp"

#include <cstddef>

namespace braid {

/// Two regimes, chosen by the measured send rate.
///
///   shaped --rate above 300 Mbit/s--> bulk      bulk --rate below 150 Mbit/s--> shaped
///
/// shaped: the unsent bytes of all subflows together stay below 16 KiB a subflow or 2 ms of the
/// measured rate, whichever is more (so that the rate can double every millisecond that the
/// gate is looked at). bulk: the socket's own buffer is the only bound.
class SendGate {
public:
    static constexpr std::size_t floor_per_subflow = 16 * 1024;
    static constexpr auto budget = 2ms;
    static constexpr auto window = 20ms; ///< over which the rate is measured
    static constexpr double bulk_from = 300e6 / 8; ///< bytes a second
    static constexpr double bulk_until = 150e6 / 8;

    /// Notes that `bytes` were handed to the kernel.
    void sent(std::size_t bytes, TimePoint now) noexcept
    {
        if (now - window_start_ >= window) close_window(now);
        window_bytes_ += bytes;
    }

    [[nodiscard]] bool bulk() const noexcept { return bulk_; }

    /// True when more may be handed over, given what `subflows` flows hold unsent.
    [[nodiscard]] bool open(std::size_t unsent, std::size_t subflows) const noexcept
    {
        return bulk_ || unsent < threshold(subflows);
    }

    [[nodiscard]] std::size_t threshold(std::size_t subflows) const noexcept
    {
        const double seconds = std::chrono::duration<double>(budget).count();
        return std::max(floor_per_subflow * std::max<std::size_t>(subflows, 1),
                        static_cast<std::size_t>(rate_ * seconds));
    }

private:
    void close_window(TimePoint now) noexcept
    {
        const double seconds = std::chrono::duration<double>(now - window_start_).count();
        // A window that ran long was an idle one: the average over it is the rate all the same.
        rate_ = static_cast<double>(window_bytes_) / seconds;
        bulk_ = rate_ > (bulk_ ? bulk_until : bulk_from);
        window_start_ = now;
        window_bytes_ = 0;
    }

    double rate_ = 0; ///< bytes a second, of the last whole window
    bool bulk_ = false;
    std::size_t window_bytes_ = 0;
    TimePoint window_start_{};
};

} // namespace braid
