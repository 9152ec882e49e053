/// The uplinks of a bond that are limited to a rate: which of them have used it up, and when the
/// whole lane has to wait for them. PURE.
#pragma once

#include "client/path_plan.hpp"
#include "client/rate_limit.hpp"
#include "client/traffic_ledger.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace braid {

class UplinkLimits {
public:
    /// Those that are limited now. A bucket lasts as long as its uplink has the same limit.
    void set(const std::vector<RankedUplink>& uplinks);
    /// True when spent() of an uplink has changed.
    bool look(TimePoint now, const TrafficLedger& ledger);

    [[nodiscard]] bool none() const noexcept { return limits_.empty(); }
    /// True when nothing has been carried of late.
    [[nodiscard]] bool all_full() const;
    /// It should stand by; false for one without a limit.
    [[nodiscard]] bool spent(const std::string& interface) const;
    /// What these may carry together, in bit/s; nullopt when one of them has no limit.
    [[nodiscard]] std::optional<std::uint64_t>
    rate_of(const std::vector<std::string>& interfaces) const;
    /// One of those that carry the lane may carry nothing now, and no other could do it instead:
    /// since the kernel uses subflows on standby then, no flag holds anything back.
    [[nodiscard]] bool exhausted(const std::vector<RankedUplink>& uplinks,
                                 const std::vector<SubflowView>& living) const;

private:
    [[nodiscard]] bool empty(const std::string& interface) const;

    std::map<std::string, RateLimit> limits_;
};

} // namespace braid
