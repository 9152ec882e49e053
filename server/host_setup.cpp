#include "server/host_setup.hpp"

#include "common/admin/sysctl_journal.hpp"
#include "common/sys/mptcp_pm.hpp"
#include "common/sys/route.hpp"
#include "server/nat.hpp"
#include "server/peer_table.hpp"

#include <cstdint>
#include <optional>
#include <spdlog/spdlog.h>
#include <string>
#include <system_error>
#include <utility>

namespace braid {
namespace {

/// A key of its own name per kind of entry (state file).
constexpr auto nat_key = "nft_table_of";
constexpr auto limit_key = "mptcp_subflows";

/// A field of a journal entry when it is a text, else an empty one: the file may be damaged.
std::string text_of(const nlohmann::json& entry, const char* key)
{
    const auto found = entry.is_object() ? entry.find(key) : entry.end();
    return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// A limit that raise_subflow_limit may have noted; none when it is missing or damaged.
std::optional<std::uint32_t> subflows_of(const nlohmann::json& entry)
{
    const auto found = entry.is_object() ? entry.find(limit_key) : entry.end();
    if (found == entry.end() || !found->is_number_unsigned()) return std::nullopt;
    const auto subflows = found->get<std::uint64_t>();
    if (subflows >= wanted_subflows) return std::nullopt;
    return static_cast<std::uint32_t>(subflows);
}

/// Refuses what would take the whole host's traffic into the tunnel.
Status check_peer_networks(const ServerConfig& config)
{
    for (const PeerConfig& peer : config.peers) {
        for (const Prefix& prefix : peer.addresses) {
            if (prefix.length == 0)
                return fail(std::errc::invalid_argument,
                            "peer " + peer.name + ": " + prefix.text() +
                                " would send all traffic of this host to the peer",
                            "list the networks behind the peer one by one");
        }
    }
    return {};
}

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
    if (auto checked = check_peer_networks(config); !checked) return fail(checked.error());
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

std::optional<Error> check_subflow_limit(DaemonState daemon)
{
    auto pm = MptcpPm::open();
    const auto limits = pm ? pm->limits() : Result<MptcpPm::Limits>{fail(pm.error())};
    if (!limits) {
        const auto& code = limits.error().code;
        if (code == std::errc::operation_not_permitted) return std::nullopt; // said elsewhere
        return Error{code,
                     "the kernel's MPTCP limits cannot be read, so a client can use two or three "
                     "uplinks at once at most: " +
                         limits.error().what,
                     {}};
    }
    if (daemon == DaemonState::stopped || limits->subflows >= wanted_subflows) return std::nullopt;
    return Error{std::make_error_code(std::errc::invalid_argument),
                 "another program has lowered the kernel's limit of MPTCP subflows to " +
                     std::to_string(limits->subflows) +
                     ": a client can use so many uplinks at once, and one more",
                 "ip mptcp limits set subflows " + std::to_string(wanted_subflows)};
}

Status clean_up_host(const std::vector<nlohmann::json>& entries)
{
    Status outcome = restore_sysctls(entries);
    for (const auto& entry : entries) {
        Status done;
        if (const auto tun = text_of(entry, nat_key); !tun.empty()) done = remove_nat(tun);
        if (const auto subflows = subflows_of(entry)) done = restore_subflow_limit(*subflows);
        if (!done) outcome = std::move(done);
    }
    return outcome;
}

} // namespace braid
