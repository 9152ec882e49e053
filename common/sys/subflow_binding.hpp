/// Whether this kernel binds a subflow to the device that MptcpPm::create_subflow names. Linux 6.1
/// and 6.8 do not, 6.12 does: such a subflow leaves by the main table's best route, whatever its
/// source address.
#pragma once

#include "common/base/result.hpp"

#include <cstdint>

namespace braid {

enum class SubflowBinding : std::uint8_t {
    honoured, ///< the subflow is bound to the device
    ignored,  ///< it is not: routes must follow from its source address
};

/// Tries it on the loopback device, with a connection of its own, and takes 300 ms at most. Needs
/// CAP_NET_ADMIN. Errors: it could not be tried: not_supported, no MPTCP or no path manager;
/// timed_out, nothing comes through on lo; of mptcp::connect, mptcp::listen and MptcpPm.
[[nodiscard]] Result<SubflowBinding> try_subflow_binding();

} // namespace braid
