/// The server's state as `status --json` shows it (schema 1; README, "Status"). PURE.
#pragma once

#include "server/server.hpp"

#include <nlohmann/json.hpp>

namespace braid {

[[nodiscard]] nlohmann::json server_status(const ServerConfig& config, const Server& server,
                                           TimePoint now);

} // namespace braid
