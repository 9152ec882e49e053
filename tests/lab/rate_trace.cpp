#include "tests/lab/rate_trace.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

namespace braid::lab {
namespace {

constexpr std::uint32_t max_trace_ms = 24 * 3600 * 1000;

std::optional<std::uint32_t> parse_ms(std::string_view line)
{
    std::uint32_t ms = 0;
    const char* end = line.data() + line.size();
    const auto [rest, error] = std::from_chars(line.data(), end, ms);
    if (error != std::errc{} || rest != end || ms > max_trace_ms) return std::nullopt;
    return ms;
}

std::string_view take_line(std::string_view& text)
{
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

} // namespace

std::optional<RateTrace> RateTrace::parse(std::string_view text)
{
    std::vector<Duration> times;
    while (!text.empty()) {
        const auto line = take_line(text);
        if (line.empty()) continue;
        const auto ms = parse_ms(line);
        if (!ms || times.size() == max_opportunities) return std::nullopt;
        const Duration time = std::chrono::milliseconds{*ms};
        if (!times.empty() && time < times.back()) return std::nullopt;
        times.push_back(time);
    }
    if (times.empty() || times.back() == Duration{}) return std::nullopt;
    return RateTrace{std::move(times)};
}

Duration RateTrace::time_of(std::uint64_t opportunity) const
{
    const auto round = opportunity / times_.size();
    return period() * static_cast<std::int64_t>(round) + times_[opportunity % times_.size()];
}

std::uint64_t RateTrace::first_at_or_after(Duration since_start) const
{
    const auto rounds = static_cast<std::uint64_t>(since_start / period());
    const auto in_round = since_start % period();
    const auto start_of_round = rounds * times_.size();
    if (rounds > 0 && in_round == Duration{}) {
        // The end of a round is the start of the next: its last opportunities are at this instant.
        const auto tail = std::ranges::lower_bound(times_, period());
        return start_of_round - static_cast<std::uint64_t>(std::distance(tail, times_.end()));
    }
    const auto found = std::ranges::lower_bound(times_, in_round);
    return start_of_round + static_cast<std::uint64_t>(std::distance(times_.begin(), found));
}

std::uint64_t RateTrace::mean_rate_bps() const
{
    const double bits = static_cast<double>(times_.size() * opportunity_bytes * 8);
    return static_cast<std::uint64_t>(bits / std::chrono::duration<double>(period()).count());
}

TimePoint TraceCursor::departure(TimePoint ready, std::uint64_t packet_bytes)
{
    const auto first = trace_.first_at_or_after(std::max(Duration{}, ready - start_));
    if (first > opportunity_) {
        opportunity_ = first;
        bytes_left_ = RateTrace::opportunity_bytes;
    }
    while (packet_bytes > bytes_left_) {
        packet_bytes -= bytes_left_;
        ++opportunity_;
        bytes_left_ = RateTrace::opportunity_bytes;
    }
    bytes_left_ -= packet_bytes;
    return std::max(ready, start_ + trace_.time_of(opportunity_));
}

} // namespace braid::lab
