#include "client/reload.hpp"

#include <algorithm>
#include <spdlog/common.h>
#include <utility>

namespace braid {
namespace {

using Lines = std::vector<std::string>;

std::string text_of(bool value)
{
    return value ? "true" : "false";
}

std::string text_of(const std::optional<DataCap>& cap)
{
    return cap ? text_of(*cap) : "none";
}

/// Joined by ", ".
template <typename List, typename Text>
std::string joined(const List& list, Text text)
{
    std::string all;
    for (const auto& each : list) all.append(all.empty() ? "" : ", ").append(text(each));
    return all.empty() ? "none" : all;
}

/// As the config has it.
std::string text_of(LogLevel level)
{
    const auto name = spdlog::level::to_string_view(level);
    return {name.data(), name.size()};
}

void tell(Lines& lines, const std::string& what, const std::string& before,
          const std::string& after)
{
    if (before != after) lines.push_back(what + " " + before + " -> " + after);
}

const UplinkConfig* find(const std::vector<UplinkConfig>& list, const std::string& interface)
{
    const auto found = std::ranges::find(list, interface, &UplinkConfig::interface);
    return found == list.end() ? nullptr : &*found;
}

void compare_uplink(const UplinkConfig& before, const UplinkConfig& after, Lines& lines)
{
    const std::string uplink = "uplinks: " + after.interface + " ";
    tell(lines, uplink + "priority", std::string{name_of(before.priority)},
         std::string{name_of(after.priority)});
    tell(lines, uplink + "metered", text_of(before.metered), text_of(after.metered));
    tell(lines, uplink + "data_cap", text_of(before.data_cap), text_of(after.data_cap));
    tell(lines, uplink + "at_cap", text_of(before.at_cap), text_of(after.at_cap));
}

void compare_uplinks(const UplinksConfig& before, const UplinksConfig& after, Lines& lines)
{
    const auto as_is = [](const std::string& pattern) { return pattern; };
    const auto interface = [](const UplinkConfig& each) { return each.interface; };
    tell(lines, "uplinks: auto", text_of(before.automatic), text_of(after.automatic));
    if (after.automatic)
        tell(lines, "uplinks: exclude", joined(before.exclude, as_is),
             joined(after.exclude, as_is));
    // An entry that says no more than its name stands for one that is missing.
    for (const UplinkConfig& each : after.listed) {
        const auto* old = find(before.listed, each.interface);
        compare_uplink(old ? *old : UplinkConfig{.interface = each.interface}, each, lines);
    }
    for (const UplinkConfig& each : before.listed) {
        if (!find(after.listed, each.interface))
            compare_uplink(each, {.interface = each.interface}, lines);
    }
    tell(lines, "uplinks: listed", joined(before.listed, interface),
         joined(after.listed, interface));
}

void compare_routes(const std::vector<Prefix>& before, const std::vector<Prefix>& after,
                    Lines& lines)
{
    const auto tell_missing = [&](const auto& from, const auto& in, const char* what) {
        for (const Prefix& each : from) {
            if (std::ranges::find(in, each) == in.end())
                lines.push_back("routes: " + each.text() + what);
        }
    };
    tell_missing(after, before, " added");
    tell_missing(before, after, " removed");
}

Lines fixed_changes(const ClientConfig& before, const ClientConfig& after)
{
    const DaemonSettings& old = before.daemon;
    const DaemonSettings& fresh = after.daemon;
    const auto& own = before.identity;
    const auto& own_after = after.identity;
    const std::pair<bool, const char*> same[] = {
        {before.server.endpoints == after.server.endpoints, "server.endpoint"},
        {before.server.public_key == after.server.public_key, "server.public_key"},
        {own.private_key_file == own_after.private_key_file, "identity.private_key_file"},
        {own.preshared_key_file == own_after.preshared_key_file, "identity.preshared_key_file"},
        {before.tun.name == after.tun.name, "tun.name"},
        {before.source_rules == after.source_rules, "source_rules"},
        {old.kept_file == fresh.kept_file, "state_dir"},
        {old.user == fresh.user, "user"},
        {old.control_socket == fresh.control_socket, "control.socket"},
        {old.log_file == fresh.log_file, "log.file"},
        {old.workers == fresh.workers, "workers"},
    };
    Lines keys;
    for (const auto& [is_same, key] : same) {
        if (!is_same) keys.emplace_back(key);
    }
    return keys;
}

} // namespace

ConfigChange compare(const ClientConfig& before, const ClientConfig& after)
{
    ConfigChange change{.live = {}, .fixed = fixed_changes(before, after)};
    Lines& lines = change.live;
    compare_uplinks(before.uplinks, after.uplinks, lines);
    tell(lines, "policy:", std::string{name_of(before.policy)}, std::string{name_of(after.policy)});
    tell(lines, "guard:", text_of(before.guard), text_of(after.guard));
    compare_routes(before.routes, after.routes, lines);
    tell(lines, "log.level:", text_of(before.daemon.log_level), text_of(after.daemon.log_level));
    return change;
}

} // namespace braid
