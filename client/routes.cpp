#include "client/routes.hpp"

#include <algorithm>
#include <linux/rtnetlink.h>

namespace braid {
namespace {

/// The two rules of a family.
const std::vector<OwnRule>& both_rules()
{
    static const std::vector<OwnRule> rules{
        {.priority = Routes::rule_priority, .table = RT_TABLE_MAIN, .suppress_length = 0},
        {.priority = Routes::rule_priority + 1, .table = Routes::table},
    };
    return rules;
}

bool is_ours(const OwnRule& rule)
{
    return rule.table == Routes::table || rule == both_rules().front();
}

bool is_ours(const OwnRoute& route)
{
    return route.table == Routes::table || route.table == RT_TABLE_MAIN;
}

OwnEntries wanted_entries(const RoutingPlan& plan, Family family, int tun_index)
{
    OwnEntries wanted;
    for (const auto& [prefix, table, unreachable] : plan.routes)
        if (prefix.address.family() == family)
            wanted.routes.push_back(
                {.prefix = prefix, .table = table, .device = unreachable ? 0 : tun_index});
    const bool ruled = std::ranges::find(plan.rules, family) != plan.rules.end();
    if (ruled) wanted.rules = both_rules();
    return wanted;
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
            .append(" proto " + std::to_string(OwnRouting::protocol))
            .append(" metric " + std::to_string(OwnRouting::metric))
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
    auto own = OwnRouting::open();
    if (!own) return fail(own.error());
    return Routes{std::move(*own)};
}

Status Routes::apply(const RoutingPlan& plan, int tun_index)
{
    auto done = apply_family(plan, Family::v4, tun_index);
    auto done_v6 = leave_out_ipv6(apply_family(plan, Family::v6, tun_index));
    return done ? done_v6 : done;
}

Status Routes::apply_family(const RoutingPlan& plan, Family family, int tun_index)
{
    auto present = own_.list(family);
    if (!present) return fail(present.error());
    std::erase_if(present->routes, [](const OwnRoute& route) { return !is_ours(route); });
    std::erase_if(present->rules, [](const OwnRule& rule) { return !is_ours(rule); });
    return own_.reconcile(family, wanted_entries(plan, family, tun_index), *present);
}

Status Routes::remove_all()
{
    return apply({}, 0);
}

} // namespace braid
