/// How status tells the data usage of an uplink. PURE.
#pragma once

#include "client/data_usage.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace braid {

/// The object `data` of an uplink: {"today_bytes", "month_bytes", "daily_cap", "monthly_cap",
/// "at_cap", "reached"}. Caps are bytes; they and at_cap are null where there is none. While it is
/// reached, "reached_until" is the first local day on which it is no longer.
[[nodiscard]] nlohmann::json data_status(const UplinkConfig& uplink, const DataUsage::Usage& usage);

/// How much of the cap is used, of two of that nearer to its end: "64 %"; "-" without one.
[[nodiscard]] std::string cap_share_text(const nlohmann::json& data);

/// In full: "1.2 GB of 10.0 GB this month", "-" without a cap and bytes.
[[nodiscard]] std::string data_text(const nlohmann::json& data);

} // namespace braid
