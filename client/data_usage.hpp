/// How many bytes each uplink has carried by day and by month, and whether its data cap is reached.
/// PURE.
#pragma once

#include "client/uplink_config.hpp"
#include "common/base/result.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace braid {

/// Counts by local day, so that a month may begin on any day, also on another one from now on.
///
/// A clock that jumps back neither loses nor doubles what was counted: the latest day that was
/// seen goes on until the clock gets there again. Only when the clock stays behind for
/// `believed_after` of its own days, the later days were the wrong ones: what they had becomes the
/// clock's day's.
class DataUsage {
public:
    using Day = std::chrono::year_month_day; ///< local

    static constexpr auto believed_after = std::chrono::days{2};
    static constexpr auto kept = std::chrono::days{62}; ///< two months: older days are dropped
    static constexpr std::size_t most_interfaces = 64;  ///< beyond, the longest unused is dropped

    enum class Cap {
        none,    ///< the uplink has no cap
        within,  ///< not reached
        reached, ///< that of the day or that of the month
    };
    /// Of one uplink.
    struct Usage {
        std::uint64_t today_bytes = 0;
        std::uint64_t month_bytes = 0; ///< since the last reset_day; without a cap, the 1st
        Cap cap = Cap::none;
        std::optional<Day> ends{}; ///< the first day on which it is no longer reached
    };

    /// `bytes` more, which may be 0. `today` is a real day (ok()).
    void add(const std::string& interface, std::uint64_t bytes, Day today);
    [[nodiscard]] Usage usage(const UplinkConfig& uplink, Day today) const;

    /// {"interfaces": {"wwan0": {"2026-11-21": 12345}}, "behind_since": "2026-11-20"}; the latter
    /// only while the clock is behind.
    [[nodiscard]] nlohmann::json to_json() const;
    /// Errors (invalid_argument): it is not what to_json() makes.
    [[nodiscard]] static Result<DataUsage> from_json(const nlohmann::json& json);

private:
    using SysDay = std::chrono::sys_days; ///< for arithmetic; still the local day
    using Days = std::map<SysDay, std::uint64_t>;

    [[nodiscard]] SysDay latest() const;
    /// The day that counts, given the clock's.
    [[nodiscard]] SysDay counted_day(SysDay clock) const { return std::max(clock, latest()); }
    void watch_clock(SysDay clock);
    void believe(SysDay clock);
    void drop_old(SysDay day);

    std::map<std::string, Days> interfaces_;
    std::optional<SysDay> behind_since_; ///< by the clock that is behind
};

/// As "2026-11-21".
[[nodiscard]] std::string iso_text(DataUsage::Day day);

} // namespace braid
