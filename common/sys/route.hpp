/// Routes of the main table by way of a device.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"

#include <cstdint>

namespace braid {

/// The routing protocol that marks routes as ours (`ip route` shows "proto 86").
constexpr std::uint8_t own_route_protocol = 86;

/// Routes a prefix (host bits clear) into a device, without a gateway. It goes away with the
/// device. Never replaces a route. Errors: of the kernel, naming the prefix; EEXIST with a hint,
/// there is another route to the prefix (of the same metric).
[[nodiscard]] Status add_route(const Prefix& prefix, int device);

} // namespace braid
