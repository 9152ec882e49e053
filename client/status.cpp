#include "client/status.hpp"

#include "client/uplink_rank.hpp"
#include "client/uplink_state.hpp"
#include "client/usage_status.hpp"
#include "common/admin/crypto_choice.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <unistd.h>

namespace braid {
namespace {

using nlohmann::json;

constexpr std::uint8_t tcp_established = 1;

const SubflowView* subflow_of(const Client::View& view, std::string_view interface)
{
    const auto found = std::ranges::find_if(view.subflows, [&](const SubflowView& each) {
        return each.interface == interface && each.subflow.tcp_state == tcp_established;
    });
    return found == view.subflows.end() ? nullptr : &*found;
}

/// The kernel uses backup subflows when no other lives.
bool only_backups(const Client::View& view)
{
    return std::ranges::none_of(view.subflows, [](const SubflowView& each) {
        return each.subflow.tcp_state == tcp_established && !each.subflow.backup;
    });
}

UplinkState judge(const Client::View& view, const RankedUplink& ranked)
{
    const auto config = uplink_config(view.config.uplinks, ranked.uplink.interface);
    return state_of({.ranked = ranked,
                     .capped = config.priority != Priority::never,
                     .subflow = subflow_of(view, ranked.uplink.interface),
                     .established = view.established,
                     .mptcp = view.mptcp,
                     .only_backups = only_backups(view)});
}

double seconds(Duration time)
{
    using Milliseconds = std::chrono::milliseconds;
    return static_cast<double>(std::chrono::duration_cast<Milliseconds>(time).count()) / 1000;
}

json failover_status(const Client::View& view, const UplinkHistory::Entry* entry)
{
    if (!entry || !entry->last_failover) return nullptr;
    const auto& failover = *entry->last_failover;
    json status{{"reason", failover.cause},
                {"ago_s", seconds(view.now - failover.at)},
                {"gap_ms", nullptr}};
    if (failover.gap)
        status["gap_ms"] =
            std::chrono::duration_cast<std::chrono::milliseconds>(*failover.gap).count();
    return status;
}

std::string address_of(const RankedUplink& ranked, const SubflowView* living)
{
    if (living) return living->subflow.local.address.text();
    const auto& addresses = ranked.uplink.addresses;
    return addresses.empty() ? std::string{} : addresses.front().text();
}

json uplink_status(const Client::View& view, std::size_t index)
{
    const RankedUplink& ranked = view.uplinks[index];
    const auto config = uplink_config(view.config.uplinks, ranked.uplink.interface);
    const auto& interface = ranked.uplink.interface;
    const UplinkState state = judge(view, ranked);
    const auto totals = view.ledger.totals(interface);
    const auto* entry = view.history.entry(interface);
    const auto found = view.paths.find(interface);
    const auto path = found == view.paths.end() ? Client::PathView{} : found->second;
    const auto probed = std::chrono::duration_cast<std::chrono::microseconds>(path.rtt).count();
    return {{"interface", interface},
            {"priority", name_of(ranked.priority)},
            {"metered", config.metered},
            {"state", state.state},
            {"reason", state.reason},
            {"since_s", entry ? seconds(view.now - entry->since) : 0.0},
            {"address", address_of(ranked, subflow_of(view, interface))},
            {"rtt_us", path.probes_pass ? probed : totals.rtt_us},
            {"loss", path.loss},
            {"probes", path.probes_pass},
            {"share", view.ledger.share(interface)},
            {"tx_bytes", totals.tx_bytes},
            {"rx_bytes", totals.rx_bytes},
            {"data", data_status(config, view.usage[index])},
            {"last_failover", failover_status(view, entry)}};
}

json lane_status(const Client::View& view)
{
    json subflows = json::array();
    for (const SubflowView& each : view.subflows)
        subflows.push_back({{"uplink", each.interface},
                            {"local", each.subflow.local.text()},
                            {"remote", each.subflow.remote.text()},
                            {"backup", each.subflow.backup},
                            {"rtt_us", each.subflow.rtt_us},
                            {"tx_bytes", each.subflow.bytes_sent},
                            {"rx_bytes", each.subflow.bytes_received}});
    return {{"class", "bulk"}, {"mptcp", view.mptcp}, {"subflows", std::move(subflows)}};
}

std::string_view overall_state(const Client::View& view)
{
    if (!view.established) return view.was_up ? "down" : "connecting";
    const bool lacking = std::ranges::any_of(
        view.uplinks, [&](const RankedUplink& each) { return judge(view, each).lacking; });
    return lacking ? "degraded" : "up";
}

json tun_status(const Client::View& view)
{
    json addresses = json::array();
    for (const Prefix& address : view.tunnel.addresses) addresses.push_back(address.text());
    return {{"name", view.config.tun.name}, {"addresses", addresses}, {"mtu", view.tunnel.mtu}};
}

json drop_status(const Client::View& view)
{
    return {{"queue_full", view.session ? view.session->queue().dropped() : 0},
            {"unreadable", view.tun_counters.unreadable},
            {"refused", view.tun_counters.refused},
            {"undelivered", view.tun_counters.undelivered}};
}

} // namespace

json client_status(const Client::View& view)
{
    json uplinks = json::array();
    for (std::size_t i = 0; i < view.uplinks.size(); ++i) uplinks.push_back(uplink_status(view, i));
    const std::string server =
        view.via ? view.via->remote.text() : view.config.server.endpoints.front().text();
    json status{{"schema", 1},
                {"role", "client"},
                {"version", BRAID_VERSION},
                {"pid", ::getpid()},
                {"state", overall_state(view)},
                {"server", server},
                {"tun", tun_status(view)},
                {"mptcp", view.mptcp},
                {"cipher", view.cipher ? json(name(*view.cipher)) : json()},
                {"crypto", crypto_status(view.makers)},
                {"workers", workers_status(view.workers)},
                {"policy", name_of(view.config.policy)},
                {"uplinks", std::move(uplinks)},
                {"lanes", view.session && view.session->lane() ? json::array({lane_status(view)})
                                                               : json::array()},
                {"dropped_packets", drop_status(view)}};
    if (!view.last_error.empty()) status["last_error"] = view.last_error;
    return status;
}

} // namespace braid
