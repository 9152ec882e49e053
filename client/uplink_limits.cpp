#include "client/uplink_limits.hpp"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

constexpr std::uint8_t tcp_established = 1;

/// A subflow that could carry all: it is there and its uplink works.
bool works(const std::vector<RankedUplink>& uplinks, const SubflowView& flow)
{
    const auto uplink = std::ranges::find_if(
        uplinks, [&](const RankedUplink& each) { return each.uplink.interface == flow.interface; });
    return uplink != uplinks.end() && uplink->health != Health::stalled &&
           uplink->health != Health::lost;
}

} // namespace

void UplinkLimits::set(const std::vector<RankedUplink>& uplinks)
{
    std::map<std::string, RateLimit> next;
    for (const RankedUplink& each : uplinks) {
        if (!each.limit_bps) continue;
        const auto known = limits_.find(each.uplink.interface);
        const bool same = known != limits_.end() && known->second.rate_bps() == *each.limit_bps;
        next.emplace(each.uplink.interface, same ? known->second : RateLimit{*each.limit_bps});
    }
    limits_ = std::move(next);
}

bool UplinkLimits::look(TimePoint now, const TrafficLedger& ledger)
{
    bool changed = false;
    for (auto& [interface, limit] : limits_) {
        const bool before = limit.spent();
        const auto totals = ledger.totals(interface);
        limit.look(now, totals.tx_bytes + totals.rx_bytes);
        changed = changed || limit.spent() != before;
    }
    return changed;
}

bool UplinkLimits::all_full() const
{
    return std::ranges::all_of(limits_, [](const auto& each) { return each.second.full(); });
}

bool UplinkLimits::spent(const std::string& interface) const
{
    const auto found = limits_.find(interface);
    return found != limits_.end() && found->second.spent();
}

bool UplinkLimits::empty(const std::string& interface) const
{
    const auto found = limits_.find(interface);
    return found != limits_.end() && found->second.empty();
}

std::optional<std::uint64_t> UplinkLimits::rate_of(const std::vector<std::string>& interfaces) const
{
    if (interfaces.empty()) return std::nullopt;
    std::uint64_t sum = 0;
    for (const std::string& interface : interfaces) {
        const auto found = limits_.find(interface);
        if (found == limits_.end()) return std::nullopt;
        sum += found->second.rate_bps();
    }
    return sum;
}

bool UplinkLimits::exhausted(const std::vector<RankedUplink>& uplinks,
                             const std::vector<SubflowView>& living) const
{
    bool only_backups = true;
    for (const SubflowView& flow : living) {
        if (flow.subflow.tcp_state != tcp_established) continue;
        if (works(uplinks, flow) && !spent(flow.interface)) return false;
        only_backups = only_backups && flow.subflow.backup;
    }
    return std::ranges::any_of(living, [&](const SubflowView& flow) {
        const bool carries = only_backups || !flow.subflow.backup;
        return flow.subflow.tcp_state == tcp_established && carries && empty(flow.interface);
    });
}

} // namespace braid
