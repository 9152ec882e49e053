/// The filter of system calls (seccomp(2)): what a daemon of ours asks the kernel for, and no more.
#pragma once

#include "common/base/result.hpp"

namespace braid {

/// Installs the filter for good, for every thread of this process and those to come:
/// - what libc, libuv, libnftables and we use is let through, in part by its arguments: sockets
///   of the families that we use, no memory that is writable and executable, threads but no
///   processes, our ioctls;
/// - what only an intruder asks for (running programs, tracing, mounting, modules, namespaces,
///   keys of the kernel) kills the process, with SIGSYS;
/// - all else fails with ENOSYS, as on an older kernel, so that a newer libc falls back.
///
/// io_uring is among the latter: its work would pass by the filter. libuv may make a ring with
/// its loop, so install the filter before there is one.
///
/// Errors: not_supported, built with sanitizers, which need more, or for another architecture than
/// x86_64 and aarch64; the kernel's where it has no seccomp. Needs no_new_privs.
[[nodiscard]] Status install_seccomp_filter();

} // namespace braid
