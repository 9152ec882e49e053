#include "client/host_setup.hpp"

#include "client/rp_filter.hpp"
#include "common/admin/sysctl_journal.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {

HostSetup::HostSetup(std::vector<Prefix> routed, StateFile& state, Tun tun, Routes routes)
    : routed_(std::move(routed)), state_(state), tun_(std::move(tun)), routes_(std::move(routes))
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

} // namespace

Result<HostSetup> HostSetup::open(const ClientConfig& config, StateFile& state)
{
    auto routes = Routes::open();
    if (!routes) return fail(routes.error());
    auto tun = Tun::open(config.tun.name);
    if (!tun) return fail(tun.error());
    if (auto done = forget_black_holes(state); !done) return fail(done.error());
    return HostSetup{config.routes, state, std::move(*tun), std::move(*routes)};
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

Status HostSetup::cleanup(const std::vector<nlohmann::json>& entries)
{
    Status outcome = restore_sysctls(entries);
    auto routes = Routes::open();
    if (!routes) return fail(routes.error());
    if (auto removed = routes->remove_all(); !removed) outcome = std::move(removed);
    return outcome;
}

} // namespace braid
