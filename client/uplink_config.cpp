#include "client/uplink_config.hpp"

#include "common/admin/quantity.hpp"
#include "common/admin/settings.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace braid {
namespace {

constexpr std::array priorities{
    Choice<Priority>{"primary", Priority::primary},
    Choice<Priority>{"secondary", Priority::secondary},
    Choice<Priority>{"backup", Priority::backup},
    Choice<Priority>{"never", Priority::never},
};
constexpr std::string_view limit_word = "limit ";

Result<AtCap> parse_at_cap(const std::string& text)
{
    if (text == "backup") return AtCap{.action = AtCap::Action::backup};
    if (text == "never") return AtCap{.action = AtCap::Action::never};
    if (!text.starts_with(limit_word))
        return fail(std::errc::invalid_argument, "'" + text + "' is not known",
                    "one of: backup, never, limit RATE in bit/s as in 'limit 256k'");
    const auto rate = parse_quantity(text.substr(limit_word.size()));
    if (!rate) return fail(rate.error());
    return AtCap{.action = AtCap::Action::limit, .rate_bps = *rate};
}

/// A name, of which parts may be left open by the signs of fnmatch(3).
Result<std::string> parse_pattern(const std::string& text)
{
    auto pattern = parse_interface_name(text);
    if (!pattern) pattern.error().what = "'" + text + "' is not a pattern of interface names";
    return pattern;
}

std::optional<DataCap> read_data_cap(const YamlNode& node)
{
    if (!node.present()) return std::nullopt;
    node.fields({"daily", "monthly", "reset_day"});
    DataCap cap;
    std::uint64_t bytes = 0;
    if (node["daily"].read(bytes, parse_quantity)) cap.daily_bytes = bytes;
    if (node["monthly"].read(bytes, parse_quantity)) cap.monthly_bytes = bytes;
    constexpr unsigned last_in_every_month = 28;
    node["reset_day"].read(cap.reset_day, integer_within(1U, last_in_every_month));
    if (!node["daily"].present() && !node["monthly"].present())
        node.problem("needs daily, monthly or both", "data_cap: {monthly: 10G}");
    return cap;
}

UplinkConfig read_uplink(const YamlNode& entry)
{
    UplinkConfig uplink;
    if (entry.is_scalar()) {
        entry.read(uplink.interface, parse_interface_name);
        return uplink;
    }
    entry.fields({"interface", "priority", "metered", "data_cap", "at_cap"})
        .required("interface: eth0");
    entry["interface"].required("interface: eth0").read(uplink.interface, parse_interface_name);
    entry["priority"].read(uplink.priority, one_of(priorities));
    entry["metered"].read(uplink.metered, parse_boolean);
    uplink.data_cap = read_data_cap(entry["data_cap"]);
    if (entry["at_cap"].read(uplink.at_cap, parse_at_cap) && !uplink.data_cap)
        entry["at_cap"].problem("has no effect without data_cap");
    return uplink;
}

std::vector<UplinkConfig> read_list(const YamlNode& node, const std::string& tun)
{
    std::vector<UplinkConfig> listed;
    std::set<std::string> seen;
    for (const auto& entry : node.items(UplinksConfig::most_listed)) {
        auto uplink = read_uplink(entry);
        const auto at = entry.is_scalar() ? entry : entry["interface"];
        if (uplink.interface == tun) at.problem("'" + tun + "' is the tunnel itself");
        if (!seen.insert(uplink.interface).second)
            at.problem("'" + uplink.interface + "' is listed twice");
        listed.push_back(std::move(uplink));
    }
    return listed;
}

std::vector<std::string> read_exclude(const YamlNode& node)
{
    std::vector<std::string> patterns;
    for (const auto& entry : node.items(UplinksConfig::most_patterns)) {
        std::string pattern;
        if (entry.read(pattern, parse_pattern)) patterns.push_back(std::move(pattern));
    }
    return patterns;
}

void read_mapping(const YamlNode& node, const std::string& tun, UplinksConfig& out)
{
    node.fields({"auto", "exclude", "interfaces"});
    node["auto"].read(out.automatic, parse_boolean);
    if (node["exclude"].present()) out.exclude = read_exclude(node["exclude"]);
    if (node["exclude"].present() && !out.automatic)
        node["exclude"].problem("has no effect without auto");
    out.listed = read_list(node["interfaces"], tun);
}

} // namespace

std::string_view name_of(Priority priority)
{
    return std::ranges::find(priorities, priority, &Choice<Priority>::value)->name;
}

std::string text_of(const DataCap& cap)
{
    std::string text;
    if (cap.daily_bytes) text += "daily " + quantity_text(*cap.daily_bytes) + ", ";
    if (cap.monthly_bytes) text += "monthly " + quantity_text(*cap.monthly_bytes) + ", ";
    return text + "reset_day " + std::to_string(cap.reset_day);
}

std::string text_of(const AtCap& at_cap)
{
    switch (at_cap.action) {
    case AtCap::Action::backup: return "backup";
    case AtCap::Action::never: return "never";
    case AtCap::Action::limit: return std::string{limit_word} + quantity_text(at_cap.rate_bps);
    }
    return {};
}

std::vector<std::string> UplinksConfig::default_exclude()
{
    return {"lo",   "docker*", "br-*", "veth*", "virbr*",     "podman*", "cni*",  "lxc*",
            "lxd*", "tun*",    "tap*", "wg*",   "tailscale*", "zt*",     "braid*"};
}

void read_uplinks(const YamlNode& node, const std::string& tun, UplinksConfig& out)
{
    if (!node.present()) return;
    if (node.is_scalar()) {
        if (node.text() != "auto")
            node.problem("expected 'auto' or a list", "uplinks: [" + *node.text() + "]");
        return;
    }
    if (node.is_mapping()) {
        read_mapping(node, tun, out);
    } else {
        out.automatic = false;
        out.listed = read_list(node, tun);
    }
    if (!out.automatic && out.listed.empty())
        return node.problem("the list is empty", "uplinks: auto");
    const auto is_used = [](const UplinkConfig& each) { return each.priority != Priority::never; };
    if (!out.automatic && std::ranges::none_of(out.listed, is_used))
        node.problem("no uplink may be used: all have the priority 'never'");
}

} // namespace braid
