/// The client's state as `status --json` shows it (schema 1; README, "Status"). PURE.
#pragma once

#include "client/client.hpp"

#include <nlohmann/json.hpp>

namespace braid {

[[nodiscard]] nlohmann::json client_status(const Client::View& view);

} // namespace braid
