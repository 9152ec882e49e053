#include "client/source_rules.hpp"

#include <algorithm>
#include <optional>

namespace braid {
namespace {

std::uint32_t table_of(const Uplink& uplink)
{
    return SourceRules::first_table +
           static_cast<std::uint32_t>(uplink.index) % SourceRules::table_count;
}

bool is_ours(std::uint32_t table)
{
    return table >= SourceRules::first_table &&
           table - SourceRules::first_table < SourceRules::table_count;
}

/// The address that subflows of a family come from (Uplink::source), also without carrier: what
/// comes back in a moment need not be routed anew.
std::optional<Address> source_of(const Uplink& uplink, Family family)
{
    const bool routed = family == Family::v4 ? uplink.route_v4 : uplink.route_v6;
    const auto found = std::ranges::find(uplink.addresses, family, &Address::family);
    if (!routed || found == uplink.addresses.end()) return std::nullopt;
    return *found;
}

OwnRoute route_to(const Address& server, const Uplink& uplink)
{
    const bool on_link = std::ranges::any_of(
        uplink.networks, [&](const Prefix& network) { return network.contains(server); });
    const auto& gateway = server.family() == Family::v4 ? uplink.gateway_v4 : uplink.gateway_v6;
    return {.prefix = Prefix::host(server),
            .table = table_of(uplink),
            .device = uplink.index,
            .gateway = on_link ? std::nullopt : gateway};
}

OwnRule own_rule(const SourcePlan::Rule& rule)
{
    return {.priority = SourceRules::rule_priority,
            .table = rule.table,
            .source = Prefix::host(rule.source)};
}

OwnEntries of_family(const SourcePlan& plan, Family family)
{
    OwnEntries entries;
    for (const OwnRoute& route : plan.routes)
        if (route.prefix.address.family() == family) entries.routes.push_back(route);
    for (const SourcePlan::Rule& rule : plan.rules)
        if (rule.source.family() == family) entries.rules.push_back(own_rule(rule));
    return entries;
}

} // namespace

std::string SourcePlan::text() const
{
    std::string lines;
    for (const OwnRoute& route : routes)
        lines.append(ip_text(route.prefix.address.family()))
            .append("route add " + route.prefix.address.text())
            .append(route.gateway ? " via " + route.gateway->text() : "")
            .append(" dev if" + std::to_string(route.device))
            .append(" table " + table_text(route.table))
            .append(" proto " + std::to_string(OwnRouting::protocol))
            .append(" metric " + std::to_string(OwnRouting::metric))
            .append(route.gateway ? " onlink\n" : "\n");
    for (const Rule& rule : rules)
        lines.append(ip_text(rule.source.family()))
            .append("rule add pref " + std::to_string(SourceRules::rule_priority))
            .append(" from " + rule.source.text())
            .append(" lookup " + table_text(rule.table) + "\n");
    return lines;
}

SourcePlan plan_source_rules(const std::vector<Uplink>& uplinks,
                             const std::vector<Address>& servers)
{
    std::vector<Address> distinct = servers;
    std::ranges::sort(distinct);
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    SourcePlan plan;
    for (const Uplink& uplink : uplinks) {
        for (const Family family : {Family::v4, Family::v6}) {
            const auto source = source_of(uplink, family);
            const auto before = plan.routes.size();
            for (const Address& server : distinct)
                if (source && server.family() == family)
                    plan.routes.push_back(route_to(server, uplink));
            if (plan.routes.size() != before) plan.rules.push_back({*source, table_of(uplink)});
        }
    }
    return plan;
}

Result<SourceRules> SourceRules::open()
{
    auto own = OwnRouting::open();
    if (!own) return fail(own.error());
    return SourceRules{std::move(*own)};
}

Status SourceRules::apply(const SourcePlan& plan)
{
    auto done = apply_family(plan, Family::v4);
    auto done_v6 = leave_out_ipv6(apply_family(plan, Family::v6));
    return done ? done_v6 : done;
}

Status SourceRules::apply_family(const SourcePlan& plan, Family family)
{
    auto present = own_.list(family);
    if (!present) return fail(present.error());
    std::erase_if(present->routes, [](const OwnRoute& route) { return !is_ours(route.table); });
    std::erase_if(present->rules, [](const OwnRule& rule) {
        return rule.priority != rule_priority || !is_ours(rule.table);
    });
    return own_.reconcile(family, of_family(plan, family), *present);
}

Status SourceRules::remove_all()
{
    return apply({});
}

} // namespace braid
