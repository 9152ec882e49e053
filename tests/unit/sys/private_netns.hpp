/// A network namespace of the test program's own, so that the host's state never changes.
#pragma once

#include "common/base/ip.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/netlink.hpp"

#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <string_view>

namespace braid::test {

/// Adds (RTM_NEWADDR) or deletes (RTM_DELADDR) an address, without a wait for duplicates.
inline Status change_address(Netlink& netlink, std::uint16_t type, std::string_view interface,
                             std::string_view prefix)
{
    const auto parsed = Prefix::parse(prefix);
    const Address& address = parsed.value().address;
    const bool adds = type == RTM_NEWADDR;
    NetlinkRequest request{type,
                           static_cast<std::uint16_t>(adds ? NLM_F_CREATE | NLM_F_REPLACE : 0)};
    auto& header = request.header<ifaddrmsg>();
    header.ifa_family = address.family() == Family::v4 ? AF_INET : AF_INET6;
    header.ifa_prefixlen = parsed->length;
    header.ifa_flags = IFA_F_NODAD;
    header.ifa_index = ::if_nametoindex(std::string{interface}.c_str());
    request.put(IFA_LOCAL, address.bytes());
    request.put(IFA_ADDRESS, address.bytes());
    return netlink.request(request, std::string{"change address "}.append(prefix));
}

inline Status add_address(Netlink& netlink, std::string_view interface, std::string_view prefix)
{
    return change_address(netlink, RTM_NEWADDR, interface, prefix);
}

/// Moves the program into a new namespace and brings its loopback up; what went wrong, if so.
inline std::string move_to_new_netns()
{
    if (::unshare(CLONE_NEWNET) < 0)
        return std::string{"these tests need root, for a network namespace of their own: "} +
               std::strerror(errno);
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return netlink.error().text();
    NetlinkRequest up{RTM_NEWLINK, 0};
    auto& header = up.header<ifinfomsg>();
    header.ifi_index = 1;
    header.ifi_flags = IFF_UP;
    header.ifi_change = IFF_UP;
    if (auto done = netlink->request(up, "bring up lo"); !done) return done.error().text();
    for (const auto* prefix : {"10.9.0.1/32", "10.9.0.2/32", "fd09::1/128", "fd09::2/128"}) {
        if (auto done = add_address(*netlink, "lo", prefix); !done) return done.error().text();
    }
    return {};
}

/// To be called first in each case that touches the network: afterwards lo is up and has
/// 10.9.0.1, 10.9.0.2, fd09::1 and fd09::2. Ends the case when that cannot be.
inline void enter_private_netns()
{
    static const std::string failure = move_to_new_netns();
    REQUIRE_MESSAGE(failure.empty(), failure);
}

inline Address address(std::string_view text)
{
    return Address::parse(text).value();
}

/// Waits until a descriptor is ready; false after two seconds.
inline bool wait_for(int fd, short events)
{
    pollfd wanted{.fd = fd, .events = events, .revents = 0};
    return ::poll(&wanted, 1, 2000) == 1;
}

} // namespace braid::test
