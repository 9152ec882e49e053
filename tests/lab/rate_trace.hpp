// A recorded link: the milliseconds at which it could carry one packet of 1500 bytes, repeated
// for ever. The text form is that of mahimahi: one number a line, never decreasing.
#pragma once

#include "tests/lab/link_settings.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace braid::lab {

class RateTrace {
public:
    static constexpr std::uint64_t opportunity_bytes = 1500;
    static constexpr std::size_t max_opportunities = 1'000'000;

    /// Yields nothing when a line is not a number, the numbers decrease, there are none or more
    /// than `max_opportunities`, or the last, which is the period, is zero.
    [[nodiscard]] static std::optional<RateTrace> parse(std::string_view text);

    /// Yields the time of an opportunity, counted from the start of the trace.
    [[nodiscard]] Duration time_of(std::uint64_t opportunity) const;

    /// Yields the number of the first opportunity that is not before `since_start` (>= 0).
    [[nodiscard]] std::uint64_t first_at_or_after(Duration since_start) const;

    [[nodiscard]] std::uint64_t mean_rate_bps() const;

private:
    explicit RateTrace(std::vector<Duration> times) : times_(std::move(times)) {}
    [[nodiscard]] Duration period() const { return times_.back(); }

    std::vector<Duration> times_; ///< not empty, not decreasing, the last above zero
};

/// Walks through a trace as packets use it up. Small packets share an opportunity, large ones take
/// several; what is left of one is usable only at its own instant.
class TraceCursor {
public:
    TraceCursor(RateTrace trace, TimePoint start) : trace_(std::move(trace)), start_(start) {}

    /// Yields when the last byte of a packet leaves that is first in line from `ready` on.
    /// Calls come in the order of `ready`.
    [[nodiscard]] TimePoint departure(TimePoint ready, std::uint64_t packet_bytes);

    [[nodiscard]] const RateTrace& trace() const { return trace_; }

private:
    RateTrace trace_;
    TimePoint start_;
    std::uint64_t opportunity_ = 0;
    std::uint64_t bytes_left_ = RateTrace::opportunity_bytes;
};

} // namespace braid::lab
