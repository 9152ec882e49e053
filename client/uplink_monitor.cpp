#include "client/uplink_monitor.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

Status dump_into(Netlink& commands, LinkTable& table, std::uint16_t type, std::uint8_t family)
{
    NetlinkRequest request{type, NLM_F_DUMP};
    if (type == RTM_GETLINK)
        request.header<ifinfomsg>().ifi_family = family;
    else if (type == RTM_GETADDR)
        request.header<ifaddrmsg>().ifa_family = family;
    else
        request.header<rtmsg>().rtm_family = family;
    return commands.request(request, "list uplinks",
                            [&](const nlmsghdr& message) { table.on(message); });
}

} // namespace

Result<LinkTable> list_links(Netlink& commands)
{
    LinkTable table;
    const std::pair<std::uint16_t, std::uint8_t> lists[] = {{RTM_GETLINK, AF_UNSPEC},
                                                            {RTM_GETADDR, AF_UNSPEC},
                                                            {RTM_GETROUTE, AF_INET},
                                                            {RTM_GETROUTE, AF_INET6}};
    for (const auto& [type, family] : lists) {
        if (auto dumped = dump_into(commands, table, type, family); !dumped)
            return fail(dumped.error());
    }
    (void)table.take_doubt();
    return table;
}

UplinkMonitor::UplinkMonitor(Private, Loop& loop, Netlink events, Netlink commands,
                             UplinkSelection selection, OnChange on_change)
    : events_(std::move(events)),
      commands_(std::move(commands)),
      selection_(std::move(selection)),
      on_change_(std::move(on_change)),
      watch_(loop, events_.fd(), [this](Interest) { on_readable(); })
{
    watch_.want({.readable = true});
}

Result<std::unique_ptr<UplinkMonitor>> UplinkMonitor::open(Loop& loop, UplinkSelection selection,
                                                           OnChange on_change)
{
    auto events =
        Netlink::open(NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE});
    if (!events) return fail(events.error(), "watch uplinks");
    auto commands = Netlink::open(NETLINK_ROUTE);
    if (!commands) return fail(commands.error(), "list uplinks");
    auto monitor =
        std::make_unique<UplinkMonitor>(Private{}, loop, std::move(*events), std::move(*commands),
                                        std::move(selection), std::move(on_change));
    if (auto dumped = monitor->dump(); !dumped) return fail(dumped.error());
    monitor->uplinks_ = monitor->table_.uplinks(monitor->selection_);
    return monitor;
}

void UplinkMonitor::select(UplinkSelection selection)
{
    selection_ = std::move(selection);
    uplinks_ = table_.uplinks(selection_);
}

Status UplinkMonitor::dump()
{
    auto fresh = list_links(commands_);
    if (!fresh) return fail(fresh.error());
    table_ = std::move(*fresh);
    return {};
}

void UplinkMonitor::on_readable()
{
    const auto received = events_.receive([this](const nlmsghdr& event) {
        table_.on(event);
        watch_own_tun(event);
    });
    if (table_.take_doubt() || !received) {
        // Events that wait behind this dump are older or of the same age: each states what
        // became of one thing, so taking them again does no harm.
        if (const auto dumped = dump(); !dumped)
            spdlog::warn("uplinks may be out of date reason=\"{}\"", dumped.error().text());
    }
    auto now = table_.uplinks(selection_);
    if (now == uplinks_ && !tun_revived_) return;
    uplinks_ = std::move(now);
    on_change_();
}

void UplinkMonitor::watch_own_tun(const nlmsghdr& message)
{
    const auto header = netlink_header<ifinfomsg>(message);
    if (message.nlmsg_type != RTM_NEWLINK || !header) return;
    bool own = false;
    for_each_attribute<ifinfomsg>(message, [&](const NetlinkAttribute& attribute) {
        own = own || (attribute.type == IFLA_IFNAME && attribute.text() == selection_.own_tun);
    });
    if (!own) return;
    const bool up = (header->ifi_flags & IFF_UP) != 0;
    tun_revived_ = tun_revived_ || (up && tun_down_);
    tun_down_ = !up && tun_was_up_; // it is made down, and set up by ourselves
    tun_was_up_ = tun_was_up_ || up;
}

} // namespace braid
