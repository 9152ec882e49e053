/// Which library runs each cipher: how a daemon decides and tells it.
#pragma once

#include "common/crypto/aead_makers.hpp"

#include <nlohmann/json.hpp>

namespace braid {

/// The faster ones, measured now (some ms), and logged.
[[nodiscard]] AeadMakers choose_makers();

/// The member `crypto` of `status --json`: library and version by the name of each cipher that
/// this host supports.
[[nodiscard]] nlohmann::json crypto_status(const AeadMakers& makers);

} // namespace braid
