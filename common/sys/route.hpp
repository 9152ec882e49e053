/// Routes of the main table by way of a device.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"

namespace braid {

/// Routes a prefix (host bits clear) into a device, without a gateway. It goes away with the
/// device. No error when it is there already. Errors: of the kernel, naming the prefix.
[[nodiscard]] Status add_route(const Prefix& prefix, int device);

} // namespace braid
