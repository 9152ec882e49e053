#include "common/sys/route.hpp"

#include "common/sys/netlink.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <system_error>

namespace braid {

Status add_route(const Prefix& prefix, int device)
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return fail(netlink.error());
    NetlinkRequest request{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL};
    auto& route = request.header<rtmsg>();
    route.rtm_family = prefix.address.family() == Family::v4 ? AF_INET : AF_INET6;
    route.rtm_dst_len = prefix.length;
    route.rtm_table = RT_TABLE_MAIN;
    route.rtm_protocol = own_route_protocol;
    route.rtm_scope = RT_SCOPE_LINK;
    route.rtm_type = RTN_UNICAST;
    request.put(RTA_DST, prefix.address.bytes());
    request.put_u32(RTA_OIF, narrow<std::uint32_t>(device));
    auto added = netlink->request(request, "add route " + prefix.text());
    if (!added && added.error().code == std::errc::file_exists)
        added.error().hint = "another route to " + prefix.text() +
                             " exists: remove it, or take the network out of the peer's addresses";
    return added;
}

} // namespace braid
