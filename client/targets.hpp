/// Where the first connection of a session is tried, best first. PURE.
#pragma once

#include "client/attempt.hpp"
#include "client/path_plan.hpp"

#include <string>
#include <vector>

namespace braid {

constexpr std::size_t most_targets = 32;

/// Every pair of server address and uplink that has an address of its family: uplinks by
/// priority, in the user's order, those that are lost last; for each server address all uplinks, so
/// that the second try already leaves by another uplink. Uplinks that are `never` are left out; at
/// most most_targets.
[[nodiscard]] std::vector<Target> plan_targets(const std::vector<RankedUplink>& uplinks,
                                               const std::vector<Endpoint>& servers);

/// The addresses of all uplinks.
[[nodiscard]] std::vector<Address> sources_of(const std::vector<RankedUplink>& uplinks);

/// Why there is no target on these uplinks: none works, or those that do are `never`.
[[nodiscard]] std::string why_no_target(const std::vector<RankedUplink>& uplinks);

} // namespace braid
