/// Which subflows a lane should have. PURE.
#pragma once

#include "client/config.hpp"
#include "client/link_table.hpp"
#include "client/path_health.hpp"
#include "common/base/ip.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace braid {

/// An uplink as the user ranks it, as the host sees it, and as the guard finds it.
struct RankedUplink {
    Uplink uplink;
    Priority priority = Priority::primary;
    Health health = Health::unknown;
    bool metered = false;
    std::optional<std::uint64_t> limit_bps{}; ///< it may carry no more, both ways together
    bool spent = false;                       ///< it has used that up for the moment
};

/// One subflow that a lane should have.
struct WantedSubflow {
    std::string interface;
    int index = 0;
    Address local;
    Endpoint remote;
    bool backup = false;
    bool operator==(const WantedSubflow&) const = default;
};

/// How the uplinks are to be used now.
struct Demand {
    Policy policy = Policy::aggregate;
    bool primaries_full = false; ///< they cannot carry all that wants to pass
};

/// The way over one uplink, whatever its health: the family of the lane's own remote first, else
/// the other family where `servers` has an address of it. None without an address, or when it is
/// `never`.
[[nodiscard]] std::optional<WantedSubflow> way_over(const RankedUplink& ranked,
                                                    const Endpoint& lane_remote,
                                                    const std::vector<Endpoint>& servers);

/// One per uplink that has a way and is not lost; of the lost ones too when all are, since nothing
/// better is left. Not `backup` are those that take part (README, "Policies"): a stalled one,
/// or one whose limit is spent, only when none works.
[[nodiscard]] std::vector<WantedSubflow> plan_subflows(const std::vector<RankedUplink>& uplinks,
                                                       const Demand& demand,
                                                       const Endpoint& lane_remote,
                                                       const std::vector<Endpoint>& servers);

} // namespace braid
