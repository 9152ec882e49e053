#include "client/data_usage.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <string_view>

namespace braid {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr sys_days no_day{}; ///< 1970-01-01

/// A day as iso_text() writes it, of the years 1970 to 9999.
std::optional<sys_days> parse_day(std::string_view text)
{
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t size) {
        unsigned value = 0;
        const char* const end = text.data() + at + size;
        const auto [rest, error] = std::from_chars(text.data() + at, end, value);
        return error == std::errc{} && rest == end ? value : 0;
    };
    const year_month_day date{std::chrono::year{static_cast<int>(number(0, 4))},
                              std::chrono::month{number(5, 2)}, std::chrono::day{number(8, 2)}};
    if (!date.ok() || sys_days{date} < no_day) return std::nullopt;
    return sys_days{date};
}

/// The first day of the month that `day` is in, where months begin on reset_day (1 to 28).
year_month_day month_start(sys_days day, unsigned reset_day)
{
    const year_month_day date{day};
    const auto month = date.year() / date.month();
    const bool before = static_cast<unsigned>(date.day()) < reset_day;
    return (before ? month - std::chrono::months{1} : month) / std::chrono::day{reset_day};
}

/// Of numbers that a file may have brought.
std::uint64_t sum(std::uint64_t a, std::uint64_t b)
{
    return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

bool is_reached(std::optional<std::uint64_t> cap, std::uint64_t bytes)
{
    return cap && bytes >= *cap;
}

tl::unexpected<Error> malformed(const std::string& what)
{
    return fail(std::errc::invalid_argument, "data usage: " + what);
}

} // namespace

std::string iso_text(DataUsage::Day day)
{
    char text[16]; // room for any year that it may hold
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()),
                  static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
    return text;
}

void DataUsage::add(const std::string& interface, std::uint64_t bytes, Day today)
{
    const SysDay clock{today};
    watch_clock(clock);
    if (bytes == 0) return;
    const SysDay day = counted_day(clock);
    auto& counted = interfaces_[interface][day];
    counted = sum(counted, bytes);
    drop_old(day);
}

DataUsage::Usage DataUsage::usage(const UplinkConfig& uplink, Day today) const
{
    const SysDay day = counted_day(SysDay{today});
    const DataCap cap = uplink.data_cap.value_or(DataCap{});
    const Day start = month_start(day, cap.reset_day);
    Usage usage;
    if (const auto found = interfaces_.find(uplink.interface); found != interfaces_.end()) {
        for (const auto& [each, bytes] : found->second) {
            if (each == day) usage.today_bytes = bytes;
            if (each >= SysDay{start} && each <= day)
                usage.month_bytes = sum(usage.month_bytes, bytes);
        }
    }
    if (!uplink.data_cap) return usage;
    usage.cap = Cap::within;
    if (is_reached(cap.daily_bytes, usage.today_bytes)) usage.ends = day + std::chrono::days{1};
    if (is_reached(cap.monthly_bytes, usage.month_bytes))
        usage.ends = start + std::chrono::months{1};
    if (usage.ends) usage.cap = Cap::reached;
    return usage;
}

nlohmann::json DataUsage::to_json() const
{
    nlohmann::json interfaces = nlohmann::json::object();
    for (const auto& [name, days] : interfaces_) {
        auto& counted = interfaces[name] = nlohmann::json::object();
        for (const auto& [day, bytes] : days) counted[iso_text(day)] = bytes;
    }
    nlohmann::json json{{"interfaces", std::move(interfaces)}};
    if (behind_since_) json["behind_since"] = iso_text(*behind_since_);
    return json;
}

Result<DataUsage> DataUsage::from_json(const nlohmann::json& json)
{
    if (!json.is_object() || !json.contains("interfaces") || !json.at("interfaces").is_object())
        return malformed("no interfaces");
    DataUsage usage;
    for (const auto& [name, days] : json.at("interfaces").items()) {
        if (!days.is_object() || usage.interfaces_.size() >= most_interfaces)
            return malformed("interfaces");
        for (const auto& [text, bytes] : days.items()) {
            const auto day = parse_day(text);
            if (!day || !bytes.is_number_unsigned()) return malformed("day " + text);
            usage.interfaces_[name][*day] = bytes.get<std::uint64_t>();
        }
    }
    if (const auto behind = json.find("behind_since"); behind != json.end()) {
        if (behind->is_string()) usage.behind_since_ = parse_day(behind->get<std::string>());
        if (!usage.behind_since_) return malformed("behind_since");
    }
    return usage;
}

DataUsage::SysDay DataUsage::latest() const
{
    SysDay last = no_day;
    for (const auto& [name, days] : interfaces_) {
        if (!days.empty()) last = std::max(last, days.rbegin()->first);
    }
    return last;
}

void DataUsage::watch_clock(SysDay clock)
{
    if (clock >= latest()) {
        behind_since_.reset();
    } else if (!behind_since_ || clock < *behind_since_) {
        behind_since_ = clock;
    } else if (clock - *behind_since_ >= believed_after) {
        believe(clock);
        behind_since_.reset();
    }
}

void DataUsage::believe(SysDay clock)
{
    for (auto& [name, days] : interfaces_) {
        std::uint64_t later = 0;
        for (auto each = days.upper_bound(clock); each != days.end(); each = days.erase(each))
            later = sum(later, each->second);
        if (later > 0) days[clock] = sum(days[clock], later);
    }
}

void DataUsage::drop_old(SysDay day)
{
    for (auto& [name, days] : interfaces_) days.erase(days.begin(), days.lower_bound(day - kept));
    std::erase_if(interfaces_, [](const auto& each) { return each.second.empty(); });
    if (interfaces_.size() <= most_interfaces) return;
    const auto last_used = [](const auto& each) { return each.second.rbegin()->first; };
    interfaces_.erase(std::ranges::min_element(interfaces_, {}, last_used));
}

} // namespace braid
