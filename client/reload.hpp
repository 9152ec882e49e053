/// What a running client would have to change for another config. PURE.
#pragma once

#include "client/config.hpp"

#include <string>
#include <vector>

namespace braid {

struct ConfigChange {
    /// What can change while it runs, a line each: "policy: aggregate -> handover".
    std::vector<std::string> live;
    std::vector<std::string> fixed; ///< keys whose change needs a restart: "server.endpoint"
};

/// Both empty where the configs mean the same. Live are uplinks, policy, guard, routes, log.level.
[[nodiscard]] ConfigChange compare(const ClientConfig& before, const ClientConfig& after);

} // namespace braid
