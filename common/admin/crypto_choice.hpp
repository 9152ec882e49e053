/// Which library runs each cipher, and on how many threads: how a daemon decides and tells it.
#pragma once

#include "common/crypto/aead_makers.hpp"
#include "common/sys/workers.hpp"

#include <nlohmann/json.hpp>

namespace braid {

/// The faster ones, measured now (some ms), and logged.
[[nodiscard]] AeadMakers choose_makers();

/// The member `crypto` of `status --json`: library and version by the name of each cipher that
/// this host supports.
[[nodiscard]] nlohmann::json crypto_status(const AeadMakers& makers);

/// The member `workers` of `status --json`.
[[nodiscard]] nlohmann::json workers_status(const WorkersView& workers);

} // namespace braid
