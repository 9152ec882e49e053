/// What the server changes on its host: the TUN, routes to networks behind peers, NAT,
/// forwarding, the limit of MPTCP subflows. Everything is undone by cleanup().
#pragma once

#include "common/admin/state_file.hpp"
#include "common/base/result.hpp"
#include "common/sys/tun.hpp"
#include "server/config.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace braid {

constexpr std::uint32_t wanted_subflows = 8; ///< the kernel's own most; its default is 2

/// Makes the TUN and all changes; each is noted in `state` first.
[[nodiscard]] Result<Tun> set_up_host(const ServerConfig& config, StateFile& state);

enum class DaemonState { running, stopped };

/// A warning when clients do not get wanted_subflows: while the daemon runs, since something else
/// has lowered the kernel's limit again; before, since it cannot be raised. Changes nothing.
[[nodiscard]] std::optional<Error> check_subflow_limit(DaemonState daemon);

/// Puts back what the entries of a state file name. Works from nothing. Routes go with the TUN.
[[nodiscard]] Status clean_up_host(const std::vector<nlohmann::json>& entries);

} // namespace braid
