/// How much may wait unsent inside the kernel: little while links are the bottleneck, so that
/// the queue stays in front of the tunnel where a sparse flow can overtake. PURE.
#pragma once

#include "common/base/time.hpp"
#include "common/sys/mptcp.hpp"

#include <cstddef>

namespace braid {

/// Two regimes, chosen by the measured send rate.
///
///   shaped --rate above 300 Mbit/s--> bulk      bulk --rate below 150 Mbit/s--> shaped
///
/// shaped: the gate is open while the subflows together hold less unsent than 16 KiB each, or
/// 2 ms of the measured rate if that is more (so that the rate can double every millisecond
/// that the gate is looked at). It also opens while a busy subflow holds less than 16 KiB,
/// whatever the others hold, up to 100 ms of the rate: the kernel's scheduler feeds a subflow
/// of long round trips only when those of short ones have a queue, and its window grows only
/// when it is fed (net/mptcp/protocol.c mptcp_subflow_get_send; decision 0002).
/// bulk: the socket's own buffer is the only bound.
///
/// Looking costs two system calls. What was unsent at the last look, and what was handed over
/// since, is the most that can be unsent now, but for what the kernel moves from a subflow that
/// has failed to another: while that is less than 16 KiB the gate is open without a look.
class SendGate {
public:
    static constexpr std::size_t floor_per_subflow = 16 * 1024;
    static constexpr auto budget = 2ms;
    static constexpr auto uneven_budget = 100ms;            ///< while a busy subflow is hungry
    static constexpr std::size_t uneven_floor = 256 * 1024; ///< and at least so many bytes
    static constexpr auto window = 20ms;                    ///< over which the rate is measured
    static constexpr double bulk_from = 300e6 / 8;          ///< bytes a second
    static constexpr double bulk_until = 150e6 / 8;

    /// Notes that `bytes` were handed to the kernel.
    void sent(std::size_t bytes, TimePoint now) noexcept
    {
        if (now - window_start_ >= window) close_window(now);
        window_bytes_ += bytes;
        most_unsent_ += bytes;
    }
    /// Notes what a look has found.
    void found(const mptcp::Unsent& unsent) noexcept { most_unsent_ = unsent.bytes; }

    /// True when open() could only be true.
    [[nodiscard]] bool surely_open() const noexcept
    {
        return bulk_ || most_unsent_ < floor_per_subflow;
    }

    [[nodiscard]] bool bulk() const noexcept { return bulk_; }

    /// True when more may be handed over.
    [[nodiscard]] bool open(const mptcp::Unsent& unsent) const noexcept
    {
        if (bulk_) return true;
        const std::size_t even = floor_per_subflow * std::max<std::size_t>(unsent.subflows, 1);
        if (unsent.bytes < std::max(even, bytes_in(budget))) return true;
        return unsent.least_of_busy < floor_per_subflow &&
               unsent.bytes < std::max(uneven_floor, bytes_in(uneven_budget));
    }

private:
    [[nodiscard]] std::size_t bytes_in(Duration time) const noexcept
    {
        return static_cast<std::size_t>(rate_ * std::chrono::duration<double>(time).count());
    }

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
    std::size_t most_unsent_ = floor_per_subflow; ///< so that the first look is made
    TimePoint window_start_{};
};

} // namespace braid
