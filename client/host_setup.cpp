#include "client/host_setup.hpp"

#include "client/rp_filter.hpp"
#include "common/admin/sysctl_journal.hpp"
#include "common/sys/mptcp.hpp"
#include "common/sys/subflow_binding.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {

HostSetup::HostSetup(std::vector<Prefix> routed, StateFile& state, Tun tun, Routes routes,
                     std::optional<SourceRules> source_rules)
    : routed_(std::move(routed)),
      state_(state),
      tun_(std::move(tun)),
      routes_(std::move(routes)),
      source_rules_(std::move(source_rules))
{
}

namespace {

/// Uplinks that lose every packet for a while look to the kernel like a path that drops MPTCP's
/// SYNs; then it makes plain TCP connections, from this whole network namespace, for
/// net.mptcp.blackhole_timeout (since Linux 6.12), an hour and more.
Status forget_black_holes(StateFile& state)
{
    const std::string name = "net.mptcp.blackhole_timeout";
    const auto present = read_sysctl(name);
    if (!present || *present == "0") return {};
    return change_sysctl({name, "0"}, state);
}

/// Whether subflows would leave by the wrong uplink without source rules. When it is not known they
/// are made all the same: at worst they are of no use.
bool need_source_rules(SourceRulesUse use)
{
    if (use == SourceRulesUse::always) {
        spdlog::info("source rules for subflows are used, as the config says");
        return true;
    }
    if (!mptcp::available()) return false;
    const auto tried = try_subflow_binding();
    if (!tried)
        spdlog::warn("source rules for subflows are used: not known whether the kernel binds "
                     "subflows to devices reason=\"{}\"",
                     tried.error().text());
    else if (*tried == SubflowBinding::ignored)
        spdlog::info("source rules for subflows are used: this kernel does not bind subflows to "
                     "devices");
    return !tried || *tried == SubflowBinding::ignored;
}

} // namespace

Result<HostSetup> HostSetup::open(const ClientConfig& config, StateFile& state)
{
    auto routes = Routes::open();
    if (!routes) return fail(routes.error());
    auto tun = Tun::open(config.tun.name);
    if (!tun) return fail(tun.error());
    if (auto done = forget_black_holes(state); !done) return fail(done.error());
    std::optional<SourceRules> source_rules;
    if (need_source_rules(config.source_rules)) {
        auto opened = SourceRules::open();
        if (!opened) return fail(opened.error());
        source_rules = std::move(*opened);
    }
    return HostSetup{config.routes, state, std::move(*tun), std::move(*routes),
                     std::move(source_rules)};
}

Status HostSetup::apply(const TunnelConfig& tunnel)
{
    if (auto configured = tun_.configure(tunnel.addresses, tunnel.mtu); !configured)
        return configured;
    applied_ = tunnel;
    const RoutingPlan plan = plan_routing(routed_, tunnel.addresses);
    spdlog::debug("routing plan=\"{}\"", plan.text(tun_.name()));
    return routes_.apply(plan, tun_.index());
}

Status HostSetup::reroute(std::vector<Prefix> routed)
{
    std::swap(routed_, routed);
    if (!applied_) return {};
    auto done = apply(*applied_);
    if (done) return done;
    std::swap(routed_, routed);
    if (const auto back = apply(*applied_); !back)
        spdlog::warn("routes are not all back reason=\"{}\"", back.error().text());
    return done;
}

Status HostSetup::loosen_filters(const std::vector<Uplink>& uplinks)
{
    std::vector<std::string> interfaces;
    for (const Uplink& uplink : uplinks) {
        if (uplink.index != 0) interfaces.push_back(uplink.interface);
    }
    const auto changes = rp_filter_changes(interfaces);
    if (!changes) return fail(changes.error());
    for (const SysctlValue& change : *changes) {
        if (auto done = change_sysctl(change, state_); !done) return done;
    }
    return {};
}

Status HostSetup::steer(const std::vector<Uplink>& uplinks, const std::vector<Address>& servers)
{
    if (!source_rules_) return {};
    return source_rules_->apply(plan_source_rules(uplinks, servers));
}

Status HostSetup::cleanup(const std::vector<nlohmann::json>& entries)
{
    Status outcome = restore_sysctls(entries);
    auto routes = Routes::open();
    if (!routes) return fail(routes.error());
    if (auto removed = routes->remove_all(); !removed) outcome = std::move(removed);
    auto source_rules = SourceRules::open();
    if (!source_rules) return fail(source_rules.error());
    if (auto removed = source_rules->remove_all(); !removed) outcome = std::move(removed);
    return outcome;
}

} // namespace braid
