#include "common/admin/host_check.hpp"

#include "common/admin/daemon.hpp"
#include "common/sys/mptcp.hpp"

#include <cerrno>
#include <string>
#include <unistd.h>

namespace braid {
namespace {

/// What to do about /dev/net/tun, from why it cannot be opened.
std::string tun_hint(int reason)
{
    if (reason == ENOENT || reason == ENODEV) return "load the module: modprobe tun";
    if (::geteuid() != 0) return "run it as root";
    return "let this process open it: a container needs that device";
}

} // namespace

std::vector<Finding> check_host()
{
    std::vector<Finding> findings;
    if (const auto permitted = require_net_admin(); !permitted)
        findings.push_back({ExitCode::not_permitted, permitted.error()});
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
        const int reason = errno;
        findings.push_back({ExitCode::failure,
                            {std::error_code{reason, std::system_category()},
                             "/dev/net/tun cannot be opened", tun_hint(reason)}});
    }
    if (!mptcp::available())
        findings.push_back({ExitCode::ok,
                            {std::make_error_code(std::errc::not_supported),
                             "this kernel has no MPTCP or net.mptcp.enabled is 0: the tunnel will "
                             "run over plain TCP, one uplink at a time",
                             "use a kernel from 6.1 on, and sysctl net.mptcp.enabled=1"}});
    return findings;
}

ExitCode exit_code_of(const Error& error)
{
    const bool denied = error.code == std::errc::operation_not_permitted ||
                        error.code == std::errc::permission_denied;
    return denied ? ExitCode::not_permitted : ExitCode::failure;
}

} // namespace braid
