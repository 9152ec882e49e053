#include "client/usage_status.hpp"

#include "common/admin/status_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace braid {
namespace {

using nlohmann::json;

json or_null(const std::optional<std::uint64_t>& value)
{
    return value ? json(*value) : json();
}

} // namespace

json data_status(const UplinkConfig& uplink, const DataUsage::Usage& usage)
{
    const DataCap cap = uplink.data_cap.value_or(DataCap{});
    json status{{"today_bytes", usage.today_bytes},
                {"month_bytes", usage.month_bytes},
                {"daily_cap", or_null(cap.daily_bytes)},
                {"monthly_cap", or_null(cap.monthly_bytes)},
                {"at_cap", uplink.data_cap ? json(text_of(uplink.at_cap)) : json()},
                {"reached", usage.cap == DataUsage::Cap::reached}};
    if (usage.ends) status["reached_until"] = iso_text(*usage.ends);
    return status;
}

std::string cap_share_text(const json& data)
{
    std::optional<double> most;
    for (const auto& [cap, bytes] :
         {std::pair{"daily_cap", "today_bytes"}, std::pair{"monthly_cap", "month_bytes"}}) {
        if (!member(data, cap).is_number() || !member(data, bytes).is_number()) continue;
        const double part = member(data, bytes).get<double>() / member(data, cap).get<double>();
        most = std::max(most.value_or(0.0), std::min(part, 1.0));
    }
    return most ? percent_text(*most) : "-";
}

std::string data_text(const json& data)
{
    const auto part = [&](const char* cap, const char* bytes, const char* period) {
        if (!member(data, cap).is_number()) return std::string{};
        return bytes_text(member(data, bytes)) + " of " + bytes_text(member(data, cap)) + period;
    };
    std::string text = part("daily_cap", "today_bytes", " today");
    const std::string month = part("monthly_cap", "month_bytes", " this month");
    if (!text.empty() && !month.empty()) text += ", ";
    text += month;
    if (member(data, "reached") == json(true)) text += ", reached";
    return text.empty() ? "-" : text;
}

} // namespace braid
