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

std::map<std::string, std::uint64_t> TrafficLedger::bytes() const
{
    std::map<std::string, std::uint64_t> sums;
    for (const auto& [interface, totals] : ended_)
        sums[interface] += totals.tx_bytes + totals.rx_bytes;
    for (const auto& [key, view] : living_)
        sums[view.interface] += view.subflow.bytes_sent + view.subflow.bytes_received;
    return sums;
}

void TrafficLedger::mark()
{
    marks_.push_back(bytes());
    if (marks_.size() > window) marks_.pop_front();
}

double TrafficLedger::share(const std::string& interface) const
{
    std::uint64_t own = 0;
    std::uint64_t all = 0;
    for (const auto& [name, now] : bytes()) {
        std::uint64_t before = 0;
        if (!marks_.empty())
            if (const auto mark = marks_.front().find(name); mark != marks_.front().end())
                before = mark->second;
        all += now - before;
        if (name == interface) own = now - before;
    }
    return all == 0 ? 0.0 : static_cast<double>(own) / static_cast<double>(all);
}

} // namespace braid
