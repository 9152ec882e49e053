#include "common/sys/route.hpp"

#include "common/sys/netlink.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace braid {

Status add_route(const Prefix& prefix, int device)
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return fail(netlink.error());
    NetlinkRequest request{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE};
    auto& route = request.header<rtmsg>();
    route.rtm_family = prefix.address.family() == Family::v4 ? AF_INET : AF_INET6;
    route.rtm_dst_len = prefix.length;
    route.rtm_table = RT_TABLE_MAIN;
    route.rtm_protocol = RTPROT_STATIC;
    route.rtm_scope = RT_SCOPE_LINK;
    route.rtm_type = RTN_UNICAST;
    request.put(RTA_DST, prefix.address.bytes());
    request.put_u32(RTA_OIF, narrow<std::uint32_t>(device));
    return netlink->request(request, "route " + prefix.text());
}

} // namespace braid
