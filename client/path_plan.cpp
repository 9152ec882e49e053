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
    bool spent = false;
    WantedSubflow subflow;
};

bool works(const Candidate& candidate)
{
    return may_carry(candidate.health) && !candidate.spent;
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
            candidates.push_back({ranked.priority, ranked.health, ranked.spent, std::move(*way)});
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

/// Lets all of one priority take part that fulfil a condition.
template <typename Condition>
void use(std::vector<Candidate>& candidates, Priority priority, Condition condition)
{
    for (Candidate& each : candidates)
        if (each.priority == priority && condition(each)) each.subflow.backup = false;
}

/// From the most liked on, until one takes part that is good enough.
void use_together(std::vector<Candidate>& candidates, const Demand& demand)
{
    const auto good_enough = demand.policy == Policy::interactive ? works_well : works;
    bool enough = false;
    for (const Priority priority : {Priority::primary, Priority::secondary, Priority::backup}) {
        const bool overflow = priority == Priority::secondary && demand.primaries_full;
        if (!enough || overflow) use(candidates, priority, works);
        enough = enough || std::ranges::any_of(candidates, [&](const Candidate& each) {
                     return each.priority == priority && good_enough(each);
                 });
    }
    if (enough || candidates.empty()) return;
    // None works well, perhaps none at all: at least the most liked ones are tried.
    const auto liked = std::ranges::min_element(candidates, {}, &Candidate::priority)->priority;
    if (std::ranges::none_of(candidates, works))
        use(candidates, liked, [](const Candidate&) { return true; });
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
