/// The human form of the server's status. PURE.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace braid {

/// Aligned text of the status object of `status --json` (schema 1). Missing fields show as "-".
[[nodiscard]] std::string server_status_table(const nlohmann::json& status);

} // namespace braid
