/// What `check` looks at on any host (it changes nothing), and how such errors end a program.
#pragma once

#include "common/admin/program.hpp"

#include <vector>

namespace braid {

/// Findings about privilege, /dev/net/tun and MPTCP.
[[nodiscard]] std::vector<Finding> check_host();

/// The exit status that fits an error met while setting up.
[[nodiscard]] ExitCode exit_code_of(const Error& error);

} // namespace braid
