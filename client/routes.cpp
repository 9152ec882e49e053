#include "client/routes.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <algorithm>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <optional>
#include <spdlog/spdlog.h>

namespace braid {
namespace {

std::uint8_t kernel_family(Family family)
{
    return family == Family::v4 ? AF_INET : AF_INET6;
}

std::string destination_text(const Prefix& prefix)
{
    return prefix.length == 0 ? "default" : prefix.text();
}

std::string table_text(std::uint32_t table)
{
    return table == RT_TABLE_MAIN ? "main" : std::to_string(table);
}

std::string_view ip_text(Family family)
{
    return family == Family::v4 ? "ip -4 " : "ip -6 ";
}

/// A route of ours, wanted or in the kernel.
struct OwnRoute {
    RoutingPlan::Route route;
    int device = 0; ///< 0 for an unreachable one
    bool operator==(const OwnRoute&) const = default;

    [[nodiscard]] std::string text() const { return "route " + route.prefix.text(); }
    /// Only one of these can be: the metric is always ours.
    [[nodiscard]] bool same_place(const OwnRoute& other) const
    {
        return route.prefix == other.route.prefix && route.table == other.route.table;
    }
};

/// One of the two rules of a family.
struct OwnRule {
    std::uint32_t priority = 0;
    std::uint32_t table = 0;
    std::optional<std::uint32_t> suppress_length; ///< routes no longer than this are passed over
    bool operator==(const OwnRule&) const = default;

    [[nodiscard]] std::string text() const { return "rule " + std::to_string(priority); }
    [[nodiscard]] bool is_ours() const
    {
        return table == Routes::table || (priority == Routes::rule_priority &&
                                          table == RT_TABLE_MAIN && suppress_length == 0U);
    }
};

const std::vector<OwnRule>& both_rules()
{
    static const std::vector<OwnRule> rules{
        {Routes::rule_priority, RT_TABLE_MAIN, 0},
        {Routes::rule_priority + 1, Routes::table, std::nullopt},
    };
    return rules;
}

std::vector<OwnRoute> wanted_routes(const RoutingPlan& plan, Family family, int tun_index)
{
    std::vector<OwnRoute> wanted;
    for (const auto& route : plan.routes)
        if (route.prefix.address.family() == family)
            wanted.push_back({route, route.unreachable ? 0 : tun_index});
    return wanted;
}

/// A request about one route; its protocol and metric are always ours.
NetlinkRequest route_request(std::uint16_t type, std::uint16_t flags, const OwnRoute& own)
{
    const auto& [prefix, table, unreachable] = own.route;
    NetlinkRequest request{type, flags};
    auto& header = request.header<rtmsg>();
    header.rtm_family = kernel_family(prefix.address.family());
    header.rtm_dst_len = prefix.length;
    header.rtm_protocol = Routes::protocol;
    header.rtm_scope = unreachable ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    header.rtm_type = unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
    if (prefix.length != 0) request.put(RTA_DST, prefix.address.bytes());
    request.put_u32(RTA_TABLE, table);
    request.put_u32(RTA_PRIORITY, Routes::metric);
    if (own.device != 0) request.put_u32(RTA_OIF, static_cast<std::uint32_t>(own.device));
    return request;
}

NetlinkRequest rule_request(std::uint16_t type, std::uint16_t flags, Family family,
                            const OwnRule& rule)
{
    NetlinkRequest request{type, flags};
    auto& header = request.header<fib_rule_hdr>();
    header.family = kernel_family(family);
    header.action = FR_ACT_TO_TBL;
    request.put_u32(FRA_PRIORITY, rule.priority);
    request.put_u32(FRA_TABLE, rule.table);
    if (rule.suppress_length) request.put_u32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_length);
    return request;
}

OwnRoute parse_route(const nlmsghdr& message, const rtmsg& header, Family family)
{
    OwnRoute own;
    own.route.prefix = {Address::any(family), header.rtm_dst_len};
    own.route.table = header.rtm_table;
    own.route.unreachable = header.rtm_type == RTN_UNREACHABLE;
    for_each_attribute<rtmsg>(message, [&](const NetlinkAttribute& attribute) {
        const bool fits = attribute.value.size() == own.route.prefix.address.bytes().size();
        if (attribute.type == RTA_DST && fits)
            own.route.prefix.address = Address::from_bytes(attribute.value);
        if (attribute.type == RTA_TABLE)
            own.route.table = attribute.as<std::uint32_t>().value_or(0);
        // The kernel shows an unreachable IPv6 route on the loopback device.
        if (attribute.type == RTA_OIF && !own.route.unreachable)
            own.device = attribute.as<int>().value_or(0);
    });
    return own;
}

OwnRule parse_rule(const nlmsghdr& message, const fib_rule_hdr& header)
{
    constexpr std::uint32_t nothing_suppressed = 0xffffffff;
    OwnRule rule;
    rule.table = header.table;
    for_each_attribute<fib_rule_hdr>(message, [&](const NetlinkAttribute& attribute) {
        const auto value = attribute.as<std::uint32_t>();
        if (attribute.type == FRA_PRIORITY) rule.priority = value.value_or(0);
        if (attribute.type == FRA_TABLE) rule.table = value.value_or(0);
        if (attribute.type == FRA_SUPPRESS_PREFIXLEN && value != nothing_suppressed)
            rule.suppress_length = value;
    });
    return rule;
}

/// Routes with our protocol in one table. No table, no routes.
Result<std::vector<OwnRoute>> list_routes(Netlink& netlink, Family family, std::uint32_t table)
{
    NetlinkRequest request{RTM_GETROUTE, NLM_F_DUMP};
    auto& header = request.header<rtmsg>();
    header.rtm_family = kernel_family(family);
    header.rtm_protocol = Routes::protocol;
    request.put_u32(RTA_TABLE, table);
    std::vector<OwnRoute> found;
    const auto listed = netlink.request(request, "list routes", [&](const nlmsghdr& message) {
        const auto head = netlink_header<rtmsg>(message);
        if (!head || head->rtm_family != kernel_family(family) ||
            head->rtm_protocol != Routes::protocol)
            return;
        const auto own = parse_route(message, *head, family);
        if (own.route.table == table) found.push_back(own);
    });
    if (!listed && listed.error().code != std::errc::no_such_file_or_directory)
        return fail(listed.error());
    return found;
}

Result<std::vector<OwnRoute>> list_routes(Netlink& netlink, Family family)
{
    auto found = list_routes(netlink, family, Routes::table);
    if (!found) return found;
    const auto in_main = list_routes(netlink, family, RT_TABLE_MAIN);
    if (!in_main) return fail(in_main.error());
    found->insert(found->end(), in_main->begin(), in_main->end());
    return found;
}

Result<std::vector<OwnRule>> list_rules(Netlink& netlink, Family family)
{
    NetlinkRequest request{RTM_GETRULE, NLM_F_DUMP};
    request.header<fib_rule_hdr>().family = kernel_family(family);
    std::vector<OwnRule> found;
    const auto listed = netlink.request(request, "list rules", [&](const nlmsghdr& message) {
        const auto head = netlink_header<fib_rule_hdr>(message);
        if (!head || head->family != kernel_family(family)) return;
        const auto rule = parse_rule(message, *head);
        if (rule.is_ours()) found.push_back(rule);
    });
    if (!listed) return fail(listed.error());
    return found;
}

Status add_route(Netlink& netlink, const OwnRoute& own, std::uint16_t replace_or_exclusive)
{
    const auto flags = static_cast<std::uint16_t>(NLM_F_CREATE | replace_or_exclusive);
    auto request = route_request(RTM_NEWROUTE, flags, own);
    auto added = netlink.request(request, "add " + own.text());
    if (!added && added.error().code == std::errc::file_exists)
        added.error().hint = "another program has a route to " + own.route.prefix.text() +
                             " with metric " + std::to_string(Routes::metric);
    return added;
}

Status delete_route(Netlink& netlink, const OwnRoute& own)
{
    auto request = route_request(RTM_DELROUTE, 0, own);
    auto deleted = netlink.request(request, "delete " + own.text());
    if (!deleted && deleted.error().code == std::errc::no_such_process) return {};
    return deleted;
}

Status add_rule(Netlink& netlink, Family family, const OwnRule& rule)
{
    auto request = rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, rule);
    request.put_u8(FRA_PROTOCOL, Routes::protocol);
    auto added = netlink.request(request, "add " + rule.text());
    if (!added && added.error().code == std::errc::file_exists) return {};
    return added;
}

Status delete_rule(Netlink& netlink, Family family, const OwnRule& rule)
{
    auto request = rule_request(RTM_DELRULE, 0, family, rule);
    auto deleted = netlink.request(request, "delete " + rule.text());
    if (!deleted && deleted.error().code == std::errc::no_such_file_or_directory) return {};
    return deleted;
}

/// Calls `act` for each element of `from` that `than` lacks; stops at the first error.
template <typename T, typename Act>
Status for_each_missing(const std::vector<T>& from, const std::vector<T>& than, Act act)
{
    for (const T& each : from) {
        if (std::ranges::find(than, each) != than.end()) continue;
        if (auto done = act(each); !done) return done;
    }
    return {};
}

/// True for the ways in which the kernel says that it has no IPv6, or on no device.
bool means_no_ipv6(const Error& error)
{
    return error.code == std::errc::address_family_not_supported ||
           error.code == std::errc::operation_not_supported ||
           error.code == std::errc::permission_denied;
}

Status leave_out_ipv6(const Status& done)
{
    if (done || !means_no_ipv6(done.error())) return done;
    spdlog::info("ipv6 is off on this host: its routes are left out reason=\"{}\"",
                 done.error().text());
    return {};
}

} // namespace

std::string RoutingPlan::text(const std::string& tun) const
{
    std::string lines;
    for (const auto& [prefix, table, unreachable] : routes)
        lines.append(ip_text(prefix.address.family()))
            .append("route add ")
            .append(unreachable ? "unreachable " : "")
            .append(destination_text(prefix))
            .append(unreachable ? "" : " dev " + tun)
            .append(" table " + table_text(table))
            .append(" proto " + std::to_string(Routes::protocol))
            .append(" metric " + std::to_string(Routes::metric))
            .append("\n");
    for (const Family family : rules)
        for (const OwnRule& rule : both_rules())
            lines.append(ip_text(family))
                .append("rule add pref " + std::to_string(rule.priority))
                .append(" lookup " + table_text(rule.table))
                .append(rule.suppress_length ? " suppress_prefixlength 0" : "")
                .append("\n");
    return lines;
}

RoutingPlan plan_routing(const std::vector<Prefix>& routes, const std::vector<Prefix>& inner)
{
    const auto has_inner = [&](Family family) {
        return std::ranges::any_of(
            inner, [&](const Prefix& prefix) { return prefix.address.family() == family; });
    };
    RoutingPlan plan;
    for (const Prefix& prefix : routes) {
        const Family family = prefix.address.family();
        const bool is_default = prefix.length == 0;
        plan.routes.push_back({.prefix = prefix.network(),
                               .table = is_default ? Routes::table : RT_TABLE_MAIN,
                               .unreachable = family == Family::v6 && !has_inner(family)});
        if (is_default) plan.rules.push_back(family);
    }
    const auto drop_repeated = [](auto& list) {
        list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    std::ranges::sort(plan.routes, {}, &RoutingPlan::Route::prefix);
    std::ranges::sort(plan.rules);
    drop_repeated(plan.routes);
    drop_repeated(plan.rules);
    return plan;
}

Result<Routes> Routes::open()
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return fail(netlink.error());
    return Routes{std::move(*netlink)};
}

Status Routes::apply(const RoutingPlan& plan, int tun_index)
{
    auto done = apply_family(plan, Family::v4, tun_index);
    auto done_v6 = leave_out_ipv6(apply_family(plan, Family::v6, tun_index));
    return done ? done_v6 : done;
}

Status Routes::apply_family(const RoutingPlan& plan, Family family, int tun_index)
{
    const auto wanted = wanted_routes(plan, family, tun_index);
    const bool ruled = std::ranges::find(plan.rules, family) != plan.rules.end();
    const auto wanted_rules = ruled ? both_rules() : std::vector<OwnRule>{};
    const auto routes = list_routes(netlink_, family);
    if (!routes) return fail(routes.error());
    const auto rules = list_rules(netlink_, family);
    if (!rules) return fail(rules.error());

    const auto is_among = [](const std::vector<OwnRoute>& list, const OwnRoute& own) {
        return std::ranges::any_of(list, [&](const auto& each) { return each.same_place(own); });
    };
    const auto put_route = [&](const OwnRoute& own) {
        return add_route(netlink_, own, is_among(*routes, own) ? NLM_F_REPLACE : NLM_F_EXCL);
    };
    const auto drop_route = [&](const OwnRoute& own) {
        return is_among(wanted, own) ? Status{} : delete_route(netlink_, own);
    };
    const auto put_rule = [&](const auto& rule) { return add_rule(netlink_, family, rule); };
    const auto drop_rule = [&](const auto& rule) { return delete_rule(netlink_, family, rule); };
    // Rules come after the routes that they lead to, and go before them.
    return for_each_missing(wanted, *routes, put_route)
        .and_then([&] { return for_each_missing(wanted_rules, *rules, put_rule); })
        .and_then([&] { return for_each_missing(*rules, wanted_rules, drop_rule); })
        .and_then([&] { return for_each_missing(*routes, wanted, drop_route); });
}

Status Routes::remove_all()
{
    return apply({}, 0);
}

} // namespace braid
