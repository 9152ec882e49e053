/// What the kernel tells of links, addresses and routes, made by hand.
#pragma once

#include "common/sys/netlink.hpp"
#include "tests/unit/netns.hpp"

#include <cstdint>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace braid::test {

inline constexpr int wifi = 3;
inline constexpr int lte = 4;
inline constexpr unsigned up = IFF_UP;
inline constexpr unsigned runs = IFF_RUNNING;
inline constexpr unsigned lower_up = IFF_LOWER_UP;
inline constexpr unsigned carries = up | runs | lower_up;

struct LinkFacts {
    int index = wifi;
    const char* name = "wifi";
    unsigned flags = carries;
};

inline NetlinkRequest link_message(std::uint16_t type, const LinkFacts& facts)
{
    NetlinkRequest message{type, 0};
    auto& header = message.header<ifinfomsg>();
    header.ifi_index = facts.index;
    header.ifi_flags = facts.flags;
    message.put_text(IFLA_IFNAME, facts.name);
    return message;
}

struct AddressFacts {
    int index = wifi;
    const char* address = "192.0.2.2";
    std::uint32_t flags = 0;
    const char* peer = nullptr;
    std::uint8_t length = 24;
};

inline NetlinkRequest address_message(std::uint16_t type, const AddressFacts& facts)
{
    NetlinkRequest message{type, 0};
    const Address own = address(facts.address);
    auto& header = message.header<ifaddrmsg>();
    header.ifa_family = own.family() == Family::v4 ? AF_INET : AF_INET6;
    header.ifa_index = static_cast<std::uint32_t>(facts.index);
    header.ifa_prefixlen = facts.length;
    if (facts.peer) message.put(IFA_ADDRESS, address(facts.peer).bytes());
    message.put(facts.peer || own.family() == Family::v4 ? IFA_LOCAL : IFA_ADDRESS, own.bytes());
    message.put_u32(IFA_FLAGS, facts.flags);
    return message;
}

struct RouteFacts {
    int index = wifi;
    Family family = Family::v4;
    std::uint32_t metric = 100;
    std::uint32_t table = RT_TABLE_MAIN;
    std::uint8_t type = RTN_UNICAST;
    std::uint8_t length = 0;
    std::uint8_t tos = 0;
    std::uint16_t flags = 0; ///< of the netlink header
    const char* source = nullptr;
    const char* gateway = nullptr;
};

inline NetlinkRequest route_message(std::uint16_t type, const RouteFacts& facts)
{
    NetlinkRequest message{type, facts.flags};
    auto& header = message.header<rtmsg>();
    header.rtm_family = facts.family == Family::v4 ? AF_INET : AF_INET6;
    header.rtm_dst_len = facts.length;
    header.rtm_tos = facts.tos;
    header.rtm_type = facts.type;
    message.put_u32(RTA_TABLE, facts.table);
    message.put_u32(RTA_PRIORITY, facts.metric);
    if (facts.source) message.put(RTA_PREFSRC, address(facts.source).bytes());
    if (facts.gateway) message.put(RTA_GATEWAY, address(facts.gateway).bytes());
    if (facts.index != 0) message.put_u32(RTA_OIF, static_cast<std::uint32_t>(facts.index));
    return message;
}

} // namespace braid::test
