#include "client/targets.hpp"

#include <algorithm>

namespace braid {

std::vector<Target> plan_targets(const std::vector<RankedUplink>& uplinks,
                                 const std::vector<Endpoint>& servers)
{
    std::vector<RankedUplink> ranked = uplinks;
    std::ranges::stable_sort(ranked, {}, &RankedUplink::priority);
    std::vector<Target> targets;
    for (const Endpoint& server : servers) {
        for (const auto& [uplink, priority] : ranked) {
            const bool possible = uplink.running && uplink.source(server.address.family());
            if (priority == Priority::never || !possible || targets.size() == most_targets)
                continue;
            targets.push_back({.interface = uplink.interface,
                               .remote = server,
                               .backup = priority == Priority::backup});
        }
    }
    return targets;
}

} // namespace braid
