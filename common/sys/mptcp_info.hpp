/// The ways to ask the kernel about the subflows of a connection, one for each generation of
/// kernels. mptcp::subflows() picks the first that works. All fail with EOPNOTSUPP or ENOPROTOOPT
/// where the kernel or the connection (after a fall-back to TCP) does not have them.
#pragma once

#include "common/base/result.hpp"
#include "common/sys/mptcp.hpp"

#include <vector>

namespace braid::mptcp {

inline constexpr std::size_t most_subflows = 16; ///< the kernel's own limit is 8 more than one

/// MPTCP_FULL_INFO, Linux 6.5.
[[nodiscard]] Result<std::vector<Subflow>> subflows_by_full_info(int fd);
/// MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS, Linux 5.16; EAGAIN when a subflow came or went between.
[[nodiscard]] Result<std::vector<Subflow>> subflows_by_two_calls(int fd);
/// TCP_INFO and the names of the socket: right for plain TCP only.
[[nodiscard]] Result<std::vector<Subflow>> subflows_of_tcp(int fd);

} // namespace braid::mptcp
