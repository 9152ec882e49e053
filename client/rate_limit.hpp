/// How much one uplink may still carry: a token bucket, filled at the limited rate and emptied by
/// what the uplink has carried. PURE.
#pragma once

#include "common/base/time.hpp"

#include <cstdint>
#include <optional>

namespace braid {

/// What was sent before anybody could stop it makes debt: the rate holds in the mean.
///
///   may carry --empty--> spent --half full--> may carry
class RateLimit {
public:
    static constexpr Duration depth = 250ms;
    static constexpr double least_depth = 3 * 65536; ///< bytes; some super-packets
    /// More is forgiven: nothing stands still for longer after a burst of before the limit.
    static constexpr Duration most_debt = 5s;

    explicit RateLimit(std::uint64_t rate_bps);

    /// Takes what the uplink has carried in all by now, both ways; the first time to count from it.
    void look(TimePoint now, std::uint64_t carried_bytes);

    [[nodiscard]] std::uint64_t rate_bps() const noexcept { return rate_bps_; }
    [[nodiscard]] bool empty() const noexcept { return tokens_ <= 0; }
    [[nodiscard]] bool full() const noexcept { return tokens_ >= depth_; }
    [[nodiscard]] bool spent() const noexcept { return spent_; }

private:
    std::uint64_t rate_bps_;
    double bytes_per_second_;
    double depth_;  ///< bytes
    double tokens_; ///< bytes; negative is debt
    bool spent_ = false;
    std::optional<TimePoint> looked_at_;
    std::uint64_t carried_ = 0;
};

} // namespace braid
