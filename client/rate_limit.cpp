#include "client/rate_limit.hpp"

#include <algorithm>

namespace braid {
namespace {

double in_seconds(Duration time)
{
    return std::chrono::duration<double>(time).count();
}

} // namespace

RateLimit::RateLimit(std::uint64_t rate_bps)
    : rate_bps_(rate_bps),
      bytes_per_second_(static_cast<double>(rate_bps) / 8),
      depth_(std::max(least_depth, bytes_per_second_ * in_seconds(depth))),
      tokens_(depth_)
{
}

void RateLimit::look(TimePoint now, std::uint64_t carried_bytes)
{
    if (looked_at_) {
        const double earned = bytes_per_second_ * in_seconds(now - *looked_at_);
        const auto used = static_cast<double>(carried_bytes - std::min(carried_, carried_bytes));
        tokens_ = std::max(std::min(depth_, tokens_ + earned) - used,
                           -bytes_per_second_ * in_seconds(most_debt));
    }
    looked_at_ = now;
    carried_ = carried_bytes;
    if (empty()) spent_ = true;
    if (tokens_ >= depth_ / 2) spent_ = false;
}

} // namespace braid
