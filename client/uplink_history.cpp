#include "client/uplink_history.hpp"

#include <utility>

namespace braid {

void UplinkHistory::note(TimePoint now, const std::string& interface, const UplinkState& state,
                         std::optional<TimePoint> moved_at)
{
    const auto [at, first] = entries_.try_emplace(interface);
    Entry& entry = at->second;
    if (entry.state == state.state) return;
    const bool carried = entry.state == "active" || entry.state == "stalled";
    const bool was_down = first || entry.state == "down" || entry.state == "lost";
    const bool works = state.carries() || state.state == "standby";
    entry.state = state.state;
    entry.since = now;
    if (state.is_down() && !was_down) {
        entry.last_failover = Failover{std::string{state.cause}, now, std::nullopt};
        const Open open{interface, moved_at.value_or(now), now};
        if (carried && now - open.began < idle_after)
            open_.push_back(open);
        else
            close(open, std::nullopt);
    } else if (state.state == "stalled") {
        events_.push_back({Event::Kind::stalled, interface, std::string{state.cause}});
    } else if (works && !carried) {
        events_.push_back({Event::Kind::up, interface, {}});
    }
}

void UplinkHistory::moved(TimePoint now, const std::string& interface)
{
    std::erase_if(open_, [&](const Open& open) {
        if (open.interface == interface || now <= open.at) return false;
        close(open, now - open.began);
        return true;
    });
}

std::vector<UplinkHistory::Event> UplinkHistory::take_events(TimePoint now)
{
    std::erase_if(open_, [&](const Open& open) {
        if (now - open.at < longest_gap) return false;
        close(open, std::nullopt);
        return true;
    });
    return std::exchange(events_, {});
}

const UplinkHistory::Entry* UplinkHistory::entry(const std::string& interface) const
{
    const auto found = entries_.find(interface);
    return found == entries_.end() ? nullptr : &found->second;
}

void UplinkHistory::close(const Open& open, std::optional<Duration> gap)
{
    auto& failover = *entries_.at(open.interface).last_failover;
    failover.gap = gap;
    events_.push_back({Event::Kind::down, open.interface, failover.cause, gap});
}

} // namespace braid
