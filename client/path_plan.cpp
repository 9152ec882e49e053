#include "client/path_plan.hpp"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t most_subflows = 8; ///< the kernel's own limit (mptcp limits)

/// An uplink that may be used, with its way.
struct Candidate {
    Priority priority = Priority::primary;
    Health health = Health::unknown;
    WantedSubflow subflow;
};

bool works(const Candidate& candidate)
{
    return candidate.health != Health::stalled && candidate.health != Health::lost;
}

bool works_well(const Candidate& candidate)
{
    return works(candidate) && candidate.health != Health::poor;
}

std::vector<Candidate> candidates_of(const std::vector<RankedUplink>& uplinks,
                                     const Endpoint& lane_remote,
                                     const std::vector<Endpoint>& servers)
{
    std::vector<Candidate> candidates;
    for (const RankedUplink& ranked : uplinks) {
        if (auto way = way_over(ranked, lane_remote, servers))
            candidates.push_back({ranked.priority, ranked.health, std::move(*way)});
    }
    const auto lost = [](const Candidate& each) { return each.health == Health::lost; };
    if (!std::ranges::all_of(candidates, lost)) std::erase_if(candidates, lost);
    while (candidates.size() > most_subflows) {
        // The last of the least liked ones gives way.
        const auto reversed = std::ranges::max_element(candidates.rbegin(), candidates.rend(), {},
                                                       &Candidate::priority);
        candidates.erase(std::next(reversed).base());
    }
    return candidates;
}

/// Lets all of one priority take part that fulfil a condition; true when there was one.
template <typename Condition>
bool use(std::vector<Candidate>& candidates, Priority priority, Condition condition)
{
    bool any = false;
    for (Candidate& each : candidates) {
        if (each.priority != priority || !condition(each)) continue;
        each.subflow.backup = false;
        any = true;
    }
    return any;
}

void use_together(std::vector<Candidate>& candidates, const Demand& demand)
{
    const bool primary = use(candidates, Priority::primary, works);
    const bool wanting =
        demand.policy == Policy::interactive &&
        std::ranges::none_of(candidates, [](const Candidate& each) {
            return each.priority == Priority::primary && works_well(each);
        });
    bool any = primary;
    if (!primary || demand.primaries_full || wanting)
        any = use(candidates, Priority::secondary, works) || any;
    if (!any || wanting) any = use(candidates, Priority::backup, works) || any;
    const auto whatever = [](const Candidate&) { return true; };
    for (const Priority priority : {Priority::primary, Priority::secondary, Priority::backup})
        any = any || use(candidates, priority, whatever);
}

void use_the_best(std::vector<Candidate>& candidates)
{
    std::vector<Candidate*> ranked;
    for (Candidate& each : candidates) ranked.push_back(&each);
    std::ranges::stable_sort(ranked, {}, [](const Candidate* each) {
        return std::pair{!works(*each), each->priority};
    });
    if (!ranked.empty()) ranked.front()->subflow.backup = false;
}

} // namespace

std::optional<WantedSubflow> way_over(const RankedUplink& ranked, const Endpoint& lane_remote,
                                      const std::vector<Endpoint>& servers)
{
    const Uplink& uplink = ranked.uplink;
    if (ranked.priority == Priority::never) return std::nullopt;
    WantedSubflow way{.interface = uplink.interface,
                      .index = uplink.index,
                      .local = {},
                      .remote = lane_remote,
                      .backup = true};
    const Family family = lane_remote.address.family();
    if (const auto* local = uplink.source(family)) {
        way.local = *local;
        return way;
    }
    const Family other = family == Family::v4 ? Family::v6 : Family::v4;
    const auto server = std::ranges::find(
        servers, other, [](const Endpoint& endpoint) { return endpoint.address.family(); });
    const auto* local = uplink.source(other);
    if (!local || server == servers.end()) return std::nullopt;
    way.local = *local;
    way.remote = *server;
    return way;
}

std::vector<WantedSubflow> plan_subflows(const std::vector<RankedUplink>& uplinks,
                                         const Demand& demand, const Endpoint& lane_remote,
                                         const std::vector<Endpoint>& servers)
{
    auto candidates = candidates_of(uplinks, lane_remote, servers);
    if (demand.policy == Policy::handover)
        use_the_best(candidates);
    else
        use_together(candidates, demand);
    std::vector<WantedSubflow> plan;
    for (Candidate& each : candidates) plan.push_back(std::move(each.subflow));
    return plan;
}

} // namespace braid
