/// Reverse-path filters (RFC 3704) of the uplinks. A reply to a subflow comes in by an uplink
/// that the main route to the server does not use: strict filters drop it, loose ones do not.
#pragma once

#include "common/base/result.hpp"
#include "common/sys/sysctl.hpp"

#include <string>
#include <vector>

namespace braid {

/// The filters to loosen: net.ipv4.conf.<interface>.rp_filter=2 wherever the effective value,
/// the greater of the interface's and of `all`, is 1. Reads only. Interfaces that vanish
/// meanwhile are left out.
[[nodiscard]] Result<std::vector<SysctlValue>>
rp_filter_changes(const std::vector<std::string>& interfaces);

} // namespace braid
