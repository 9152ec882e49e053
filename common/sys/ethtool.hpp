/// What a network device does for the kernel, as ethtool(8) tells it.
#pragma once

#include "common/base/result.hpp"

#include <string>

namespace braid {

/// Whether packets that a device has received are put together into super-packets (generic receive
/// offload, GRO), in the network namespace of the calling thread. Needs no privilege.
/// Errors: ENODEV, no such device (any more); EOPNOTSUPP, neither kernel nor device can tell.
[[nodiscard]] Result<bool> has_receive_offload(const std::string& interface);

} // namespace braid
