#include "client/traffic_ledger.hpp"

#include <utility>

namespace braid {

void TrafficLedger::update(const std::vector<SubflowView>& living)
{
    std::map<Key, SubflowView> now;
    for (const SubflowView& view : living) {
        const Key key{view.subflow.local, view.subflow.remote};
        SubflowView kept = view;
        // An address that has just gone belongs to no uplink any more; its bytes still do.
        const auto before = living_.find(key);
        if (kept.interface.empty() && before != living_.end())
            kept.interface = before->second.interface;
        now.emplace(key, std::move(kept));
    }
    for (const auto& [key, view] : living_) {
        if (now.contains(key)) continue;
        ended_[view.interface].tx_bytes += view.subflow.bytes_sent;
        ended_[view.interface].rx_bytes += view.subflow.bytes_received;
    }
    living_ = std::move(now);
}

TrafficLedger::Totals TrafficLedger::totals(const std::string& interface) const
{
    const auto ended = ended_.find(interface);
    Totals sum = ended == ended_.end() ? Totals{} : ended->second;
    for (const auto& [key, view] : living_) {
        if (view.interface != interface) continue;
        sum.tx_bytes += view.subflow.bytes_sent;
        sum.rx_bytes += view.subflow.bytes_received;
        sum.rtt_us = view.subflow.rtt_us;
    }
    return sum;
}

} // namespace braid
