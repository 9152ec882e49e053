#include "client/targets.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace braid {

std::vector<Target> plan_targets(const std::vector<RankedUplink>& uplinks,
                                 const std::vector<Endpoint>& servers)
{
    std::vector<RankedUplink> ranked = uplinks;
    std::ranges::stable_sort(ranked, {}, [](const RankedUplink& each) {
        const bool lost = each.health == Health::lost || each.health == Health::trying;
        return std::pair{lost, each.priority};
    });
    std::vector<Target> targets;
    for (const Endpoint& server : servers) {
        for (const RankedUplink& each : ranked) {
            const bool possible = each.priority != Priority::never && each.uplink.running &&
                                  each.uplink.source(server.address.family());
            if (!possible || targets.size() == most_targets) continue;
            targets.push_back({.interface = each.uplink.interface,
                               .remote = server,
                               .backup = each.priority == Priority::backup});
        }
    }
    return targets;
}

std::vector<Address> sources_of(const std::vector<RankedUplink>& uplinks)
{
    std::vector<Address> sources;
    for (const RankedUplink& each : uplinks)
        std::ranges::copy(each.uplink.addresses, std::back_inserter(sources));
    return sources;
}

std::string why_no_target(const std::vector<RankedUplink>& uplinks)
{
    const bool forbidden = std::ranges::any_of(uplinks, [](const RankedUplink& each) {
        return each.priority == Priority::never && each.uplink.running && each.uplink.usable();
    });
    return forbidden ? "no uplink may be used" : "no usable uplink";
}

} // namespace braid
