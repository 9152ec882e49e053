#include "client/own_routing.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <algorithm>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>

namespace braid {
namespace {

std::uint8_t kernel_family(Family family)
{
    return family == Family::v4 ? AF_INET : AF_INET6;
}

/// A request about one route; its protocol and metric are always ours.
NetlinkRequest route_request(std::uint16_t type, std::uint16_t flags, const OwnRoute& own)
{
    NetlinkRequest request{type, flags};
    auto& header = request.header<rtmsg>();
    header.rtm_family = kernel_family(own.prefix.address.family());
    header.rtm_dst_len = own.prefix.length;
    header.rtm_protocol = OwnRouting::protocol;
    const bool on_link = own.device != 0 && !own.gateway;
    header.rtm_scope = on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    header.rtm_type = own.device != 0 ? RTN_UNICAST : RTN_UNREACHABLE;
    // Our tables need not have a way to the gateway.
    if (own.gateway) header.rtm_flags = RTNH_F_ONLINK;
    if (own.prefix.length != 0) request.put(RTA_DST, own.prefix.address.bytes());
    request.put_u32(RTA_TABLE, own.table);
    request.put_u32(RTA_PRIORITY, OwnRouting::metric);
    if (own.gateway) request.put(RTA_GATEWAY, own.gateway->bytes());
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
    if (rule.source) header.src_len = rule.source->length;
    request.put_u32(FRA_PRIORITY, rule.priority);
    request.put_u32(FRA_TABLE, rule.table);
    if (rule.source) request.put(FRA_SRC, rule.source->address.bytes());
    if (rule.suppress_length) request.put_u32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_length);
    return request;
}

/// An address of the family, if the attribute has its size.
std::optional<Address> address_in(const NetlinkAttribute& attribute, Family family)
{
    if (attribute.value.size() != Address::any(family).bytes().size()) return std::nullopt;
    return Address::from_bytes(attribute.value);
}

OwnRoute parse_route(const nlmsghdr& message, const rtmsg& header, Family family)
{
    OwnRoute own{.prefix = {Address::any(family), header.rtm_dst_len}, .table = header.rtm_table};
    for_each_attribute<rtmsg>(message, [&](const NetlinkAttribute& attribute) {
        const auto address = address_in(attribute, family);
        if (attribute.type == RTA_DST && address) own.prefix.address = *address;
        if (attribute.type == RTA_GATEWAY) own.gateway = address;
        if (attribute.type == RTA_TABLE) own.table = attribute.as<std::uint32_t>().value_or(0);
        // The kernel shows an unreachable IPv6 route on the loopback device.
        if (attribute.type == RTA_OIF && header.rtm_type != RTN_UNREACHABLE)
            own.device = attribute.as<int>().value_or(0);
    });
    return own;
}

OwnRule parse_rule(const nlmsghdr& message, const fib_rule_hdr& header, Family family)
{
    constexpr std::uint32_t nothing_suppressed = 0xffffffff;
    OwnRule rule{.table = header.table};
    for_each_attribute<fib_rule_hdr>(message, [&](const NetlinkAttribute& attribute) {
        const auto value = attribute.as<std::uint32_t>();
        const auto address = address_in(attribute, family);
        if (attribute.type == FRA_PRIORITY) rule.priority = value.value_or(0);
        if (attribute.type == FRA_TABLE) rule.table = value.value_or(0);
        if (attribute.type == FRA_SRC && address) rule.source = {*address, header.src_len};
        if (attribute.type == FRA_SUPPRESS_PREFIXLEN && value != nothing_suppressed)
            rule.suppress_length = value;
    });
    return rule;
}

/// Routes with our mark. No table, no routes.
Result<std::vector<OwnRoute>> list_routes(Netlink& netlink, Family family)
{
    NetlinkRequest request{RTM_GETROUTE, NLM_F_DUMP};
    auto& header = request.header<rtmsg>();
    header.rtm_family = kernel_family(family);
    header.rtm_protocol = OwnRouting::protocol;
    std::vector<OwnRoute> found;
    const auto listed = netlink.request(request, "list routes", [&](const nlmsghdr& message) {
        const auto head = netlink_header<rtmsg>(message);
        if (!head || head->rtm_family != kernel_family(family) ||
            head->rtm_protocol != OwnRouting::protocol)
            return;
        // What the kernel has learnt of a host behind a route (path MTU) is none itself.
        if ((head->rtm_flags & RTM_F_CLONED) == 0)
            found.push_back(parse_route(message, *head, family));
    });
    if (!listed && listed.error().code != std::errc::no_such_file_or_directory)
        return fail(listed.error());
    return found;
}

Result<std::vector<OwnRule>> list_rules(Netlink& netlink, Family family)
{
    NetlinkRequest request{RTM_GETRULE, NLM_F_DUMP};
    request.header<fib_rule_hdr>().family = kernel_family(family);
    std::vector<OwnRule> found;
    const auto listed = netlink.request(request, "list rules", [&](const nlmsghdr& message) {
        const auto head = netlink_header<fib_rule_hdr>(message);
        if (head && head->family == kernel_family(family) && head->action == FR_ACT_TO_TBL)
            found.push_back(parse_rule(message, *head, family));
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
        added.error().hint = "another program has a route to " + own.prefix.text() +
                             " with metric " + std::to_string(OwnRouting::metric);
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
    request.put_u8(FRA_PROTOCOL, OwnRouting::protocol);
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

} // namespace

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

Status leave_out_ipv6(const Status& done)
{
    if (done || !means_no_ipv6(done.error())) return done;
    spdlog::info("ipv6 is off on this host: its routes are left out reason=\"{}\"",
                 done.error().text());
    return {};
}

Result<OwnRouting> OwnRouting::open()
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return fail(netlink.error());
    return OwnRouting{std::move(*netlink)};
}

Result<OwnEntries> OwnRouting::list(Family family)
{
    auto routes = list_routes(netlink_, family);
    if (!routes) return fail(routes.error());
    auto rules = list_rules(netlink_, family);
    if (!rules) return fail(rules.error());
    return OwnEntries{std::move(*routes), std::move(*rules)};
}

Status OwnRouting::reconcile(Family family, const OwnEntries& wanted, const OwnEntries& present)
{
    const auto is_among = [](const std::vector<OwnRoute>& list, const OwnRoute& own) {
        return std::ranges::any_of(list, [&](const auto& each) { return each.same_place(own); });
    };
    const auto put_route = [&](const OwnRoute& own) {
        return add_route(netlink_, own, is_among(present.routes, own) ? NLM_F_REPLACE : NLM_F_EXCL);
    };
    const auto drop_route = [&](const OwnRoute& own) {
        return is_among(wanted.routes, own) ? Status{} : delete_route(netlink_, own);
    };
    const auto put_rule = [&](const auto& rule) { return add_rule(netlink_, family, rule); };
    const auto drop_rule = [&](const auto& rule) { return delete_rule(netlink_, family, rule); };
    return for_each_missing(wanted.routes, present.routes, put_route)
        .and_then([&] { return for_each_missing(wanted.rules, present.rules, put_rule); })
        .and_then([&] { return for_each_missing(present.rules, wanted.rules, drop_rule); })
        .and_then([&] { return for_each_missing(present.routes, wanted.routes, drop_route); });
}

} // namespace braid
