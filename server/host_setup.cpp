#include "server/host_setup.hpp"

#include "common/admin/sysctl_journal.hpp"
#include "common/sys/mptcp_pm.hpp"
#include "common/sys/route.hpp"
#include "server/nat.hpp"
#include "server/peer_table.hpp"

#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

/// A key of its own name per kind of entry (state file).
constexpr auto nat_key = "nft_table_of";
constexpr auto limit_key = "mptcp_subflows";

Status set_up_nat(const ServerConfig& config, StateFile& state)
{
    if (!config.nat) return {};
    const auto undo = forwarding_undo();
    if (!undo) return fail(undo.error());
    const auto changes = forwarding_changes();
    if (!changes) return fail(changes.error());
    if (!changes->empty()) {
        // Noted in reverse: restoring goes backwards through the journal.
        for (auto old = undo->rbegin(); old != undo->rend(); ++old) {
            if (auto noted = state.record(sysctl_entry(*old)); !noted) return noted;
        }
    }
    for (const SysctlValue& change : *changes) {
        spdlog::info("sysctl {}={}", change.name, change.value);
        if (auto written = write_sysctl(change.name, change.value); !written) return written;
    }
    if (auto noted = state.record({{nat_key, config.tun.name}}); !noted) return noted;
    std::vector<Prefix> inner = config.tun.addresses;
    for (const PeerConfig& peer : config.peers)
        inner.insert(inner.end(), peer.addresses.begin(), peer.addresses.end());
    return apply_nat(config.tun.name, inner);
}

Status raise_subflow_limit(StateFile& state)
{
    auto pm = MptcpPm::open();
    if (!pm) {
        spdlog::warn("no MPTCP path manager: one uplink at a time reason=\"{}\"",
                     pm.error().text());
        return {};
    }
    auto limits = pm->limits();
    if (!limits) return fail(limits.error());
    if (limits->subflows >= wanted_subflows) return {};
    if (auto noted = state.record({{limit_key, limits->subflows}}); !noted) return noted;
    spdlog::info("mptcp limit subflows={} (was {})", wanted_subflows, limits->subflows);
    limits->subflows = wanted_subflows;
    return pm->set_limits(*limits);
}

Status restore_subflow_limit(std::uint32_t subflows)
{
    auto pm = MptcpPm::open();
    if (!pm) return fail(pm.error());
    auto limits = pm->limits();
    if (!limits) return fail(limits.error());
    // Somebody else has changed it since: theirs stays.
    if (limits->subflows != wanted_subflows) return {};
    limits->subflows = subflows;
    return pm->set_limits(*limits);
}

} // namespace

Result<Tun> set_up_host(const ServerConfig& config, StateFile& state)
{
    auto tun = Tun::open(config.tun.name);
    if (!tun) return tun;
    if (auto done = tun->configure(config.tun.addresses, config.tun.mtu); !done)
        return fail(done.error());
    for (const PeerConfig& peer : config.peers) {
        for (const Prefix& prefix : routes_for(peer, config.tun.addresses)) {
            if (auto done = add_route(prefix, tun->index()); !done) return fail(done.error());
        }
    }
    if (auto done = raise_subflow_limit(state); !done) return fail(done.error());
    if (auto done = set_up_nat(config, state); !done) return fail(done.error());
    return tun;
}

Status clean_up_host(const std::vector<nlohmann::json>& entries)
{
    Status outcome = restore_sysctls(entries);
    for (const auto& entry : entries) {
        if (!entry.is_object()) continue;
        Status done;
        if (entry.contains(nat_key)) done = remove_nat(entry.value(nat_key, std::string{}));
        if (entry.contains(limit_key)) done = restore_subflow_limit(entry.value(limit_key, 2U));
        if (!done) outcome = std::move(done);
    }
    return outcome;
}

} // namespace braid
