#include "common/sys/ethtool.hpp"

#include "common/sys/fd.hpp"

#include <algorithm>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace braid {

Result<bool> has_receive_offload(const std::string& interface)
{
    if (interface.size() >= IFNAMSIZ) return fail(std::errc::no_such_device, interface);
    const Fd any{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!any) return fail_errno("socket", "AF_UNIX");
    ethtool_value wanted{.cmd = ETHTOOL_GGRO, .data = 0};
    ifreq request{};
    std::ranges::copy(interface, request.ifr_name);
    request.ifr_data = reinterpret_cast<char*>(&wanted);
    if (::ioctl(any.get(), SIOCETHTOOL, &request) < 0) return fail_errno("ETHTOOL_GGRO", interface);
    return wanted.data != 0;
}

} // namespace braid
