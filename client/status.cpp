#include "client/status.hpp"

#include "client/uplink_rank.hpp"
#include "client/usage_status.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unistd.h>

namespace braid {
namespace {

using nlohmann::json;

constexpr std::uint8_t tcp_established = 1;

/// What an uplink does, and why, in one plain phrase.
struct Verdict {
    std::string_view state;
    std::string reason;
    bool lacking = false; ///< it should carry traffic and does not
};

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

std::string never_reason(const Client::View& view, const RankedUplink& ranked)
{
    const auto config = uplink_config(view.config.uplinks, ranked.uplink.interface);
    return config.priority == Priority::never ? "priority is never" : "data cap is reached";
}

Verdict judge(const Client::View& view, const RankedUplink& ranked)
{
    const Uplink& uplink = ranked.uplink;
    if (ranked.priority == Priority::never) return {"unused", never_reason(view, ranked)};
    if (uplink.index == 0) return {"down", "no such interface", true};
    if (!uplink.running) return {"down", "no carrier or administratively down", true};
    if (!uplink.usable()) return {"down", "no usable address", true};
    if (const SubflowView* living = subflow_of(view, uplink.interface)) {
        if (!living->subflow.backup) return {"active", "carries traffic"};
        if (only_backups(view))
            return {"active", "backup, carries traffic because no better uplink works"};
        return {"standby", "backup, used when no better uplink works"};
    }
    if (!view.established) return {"connecting", "no session with the server", true};
    if (!view.mptcp)
        return {"idle", "the connection fell back to plain TCP, which uses one uplink", true};
    return {"connecting", "no subflow yet", true};
}

json uplink_status(const Client::View& view, std::size_t index)
{
    const RankedUplink& ranked = view.uplinks[index];
    const auto config = uplink_config(view.config.uplinks, ranked.uplink.interface);
    const Verdict verdict = judge(view, ranked);
    const auto totals = view.ledger.totals(ranked.uplink.interface);
    const SubflowView* living = subflow_of(view, ranked.uplink.interface);
    std::string address;
    if (living)
        address = living->subflow.local.address.text();
    else if (!ranked.uplink.addresses.empty())
        address = ranked.uplink.addresses.front().text();
    return {{"interface", ranked.uplink.interface},
            {"priority", name_of(ranked.priority)},
            {"state", verdict.state},
            {"reason", verdict.reason},
            {"address", address},
            {"rtt_us", totals.rtt_us},
            {"tx_bytes", totals.tx_bytes},
            {"rx_bytes", totals.rx_bytes},
            {"metered", config.metered},
            {"data", data_status(config, view.usage[index])}};
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
                {"policy", name_of(view.config.policy)},
                {"uplinks", std::move(uplinks)},
                {"lanes", view.session && view.session->lane() ? json::array({lane_status(view)})
                                                               : json::array()},
                {"dropped_packets", drop_status(view)}};
    if (!view.last_error.empty()) status["last_error"] = view.last_error;
    return status;
}

} // namespace braid
