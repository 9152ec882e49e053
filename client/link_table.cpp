#include "client/link_table.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <tuple>
#include <utility>

namespace braid {
namespace {

std::optional<Address> address_in(const NetlinkAttribute& attribute)
{
    const auto size = attribute.value.size();
    if (size != 4 && size != 16) return std::nullopt;
    return Address::from_bytes(attribute.value);
}

std::optional<Family> family_of(int address_family)
{
    if (address_family == AF_INET) return Family::v4;
    if (address_family == AF_INET6) return Family::v6;
    return std::nullopt;
}

struct Nexthop {
    int device = 0;
    std::optional<Address> gateway;
};

/// Those of a multipath route.
std::vector<Nexthop> nexthops_in(Bytes nexthops)
{
    constexpr std::size_t alignment = RTNH_ALIGNTO;
    std::vector<Nexthop> found;
    rtnexthop nexthop{};
    while (nexthops.size() >= sizeof nexthop) {
        std::memcpy(&nexthop, nexthops.data(), sizeof nexthop);
        const std::size_t size = nexthop.rtnh_len;
        if (size < sizeof nexthop || size > nexthops.size()) break;
        Nexthop& each = found.emplace_back(Nexthop{nexthop.rtnh_ifindex, std::nullopt});
        for_each_attribute(nexthops.first(size).subspan(sizeof nexthop),
                           [&](const NetlinkAttribute& attribute) {
                               if (attribute.type == RTA_GATEWAY)
                                   each.gateway = address_in(attribute);
                           });
        const std::size_t padded = (size + alignment - 1) / alignment * alignment;
        nexthops = nexthops.subspan(std::min(padded, nexthops.size()));
    }
    return found;
}

/// What matters of a route message.
struct RouteFacts {
    std::uint32_t table = 0;
    std::uint32_t metric = 0;
    std::vector<Nexthop> nexthops;
    std::optional<Address> source;
};

RouteFacts facts_of(const nlmsghdr& message, const rtmsg& header)
{
    RouteFacts facts{.table = header.rtm_table, .nexthops = {}, .source = {}};
    Nexthop only;
    for_each_attribute<rtmsg>(message, [&](const NetlinkAttribute& attribute) {
        switch (attribute.type) {
        case RTA_TABLE: facts.table = attribute.as<std::uint32_t>().value_or(0); return;
        case RTA_PRIORITY: facts.metric = attribute.as<std::uint32_t>().value_or(0); return;
        case RTA_OIF: only.device = attribute.as<int>().value_or(0); return;
        case RTA_GATEWAY: only.gateway = address_in(attribute); return;
        case RTA_MULTIPATH: facts.nexthops = nexthops_in(attribute.value); return;
        case RTA_PREFSRC: facts.source = address_in(attribute); return;
        default: return;
        }
    });
    if (only.device != 0) facts.nexthops = {only};
    return facts;
}

bool is_ordinary_default(const rtmsg& header)
{
    return header.rtm_dst_len == 0 && header.rtm_type == RTN_UNICAST && header.rtm_tos == 0 &&
           (header.rtm_flags & RTM_F_CLONED) == 0;
}

/// False while the kernel would not send from the address, or nobody could answer to it.
bool is_usable(const Address& address, std::uint32_t flags, std::uint8_t scope)
{
    const bool tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
    return !tentative && (flags & IFA_F_DADFAILED) == 0 && scope != RT_SCOPE_HOST &&
           !address.is_link_local() && !address.is_loopback() && !address.is_multicast() &&
           !address.is_any();
}

bool is_unique_local(const Address& address)
{
    return address.family() == Family::v6 &&
           (address.bytes()[0] & std::byte{0xfe}) == std::byte{0xfc};
}

/// Whether automatic selection passes over an interface.
bool is_left_out(const std::string& name, const UplinkSelection& selection)
{
    if (name == selection.own_tun) return true;
    if (std::ranges::find(selection.interfaces, name) != selection.interfaces.end()) return false;
    return std::ranges::any_of(selection.exclude, [&](const std::string& pattern) {
        return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
}

} // namespace

const Address* Uplink::source(Family family) const
{
    if (!running || !(family == Family::v4 ? route_v4 : route_v6)) return nullptr;
    const auto found = std::ranges::find(addresses, family, &Address::family);
    return found == addresses.end() ? nullptr : &*found;
}

void LinkTable::on(const nlmsghdr& message)
{
    switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: return on_link(message);
    case RTM_NEWADDR:
    case RTM_DELADDR: return on_address(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE: return on_route(message);
    default: return;
    }
}

void LinkTable::clear()
{
    *this = {};
}

bool LinkTable::take_doubt()
{
    return std::exchange(doubt_, false);
}

void LinkTable::on_link(const nlmsghdr& message)
{
    const auto header = netlink_header<ifinfomsg>(message);
    // AF_BRIDGE messages speak of a bridge's port, not of the link.
    if (!header || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) return;
    const int index = header->ifi_index;
    const bool gone = message.nlmsg_type == RTM_DELLINK;
    const bool up = !gone && (header->ifi_flags & IFF_UP) != 0;
    if (!up) {
        forget_routes(index, Family::v4);
        forget_routes(index, Family::v6);
    }
    if (gone) {
        std::erase_if(addresses_, [&](const auto& each) { return each.index == index; });
        links_.erase(index);
        return;
    }
    constexpr unsigned carries = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
    Link& link = links_[index];
    doubt_ = doubt_ || (up && !link.up);
    link.up = up;
    link.running = (header->ifi_flags & carries) == carries;
    link.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
    for_each_attribute<ifinfomsg>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == IFLA_IFNAME) link.name = attribute.text();
    });
}

void LinkTable::on_address(const nlmsghdr& message)
{
    const auto header = netlink_header<ifaddrmsg>(message);
    if (!header || !family_of(header->ifa_family)) return;
    std::optional<Address> local;
    std::optional<Address> peer; // of a point-to-point link; our own where IFA_LOCAL is absent
    std::uint32_t flags = header->ifa_flags;
    for_each_attribute<ifaddrmsg>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == IFA_LOCAL) local = address_in(attribute);
        if (attribute.type == IFA_ADDRESS) peer = address_in(attribute);
        if (attribute.type == IFA_FLAGS) flags = attribute.as<std::uint32_t>().value_or(flags);
    });
    if (!local) local = peer;
    if (!local) return;

    const int index = static_cast<int>(header->ifa_index);
    std::erase_if(addresses_,
                  [&](const auto& each) { return each.index == index && each.address == *local; });
    if (message.nlmsg_type == RTM_DELADDR) return forget_address(index, *local);
    if (!is_usable(*local, flags, header->ifa_scope)) return;
    const Prefix on_link{peer.value_or(*local), header->ifa_prefixlen};
    addresses_.push_back({.index = index,
                          .address = *local,
                          .network = on_link.network(),
                          .deprecated = (flags & IFA_F_DEPRECATED) != 0,
                          .private_use = is_unique_local(*local),
                          .secondary = (flags & IFA_F_SECONDARY) != 0});
}

void LinkTable::forget_address(int index, const Address& address)
{
    // fib_sync_down_addr() and, with the last IPv4 address, fib_disable_ip() flush without
    // (before 6.7 any) RTM_DELROUTE.
    std::erase_if(routes_, [&](const auto& route) { return route.source == address; });
    const bool last = std::ranges::none_of(addresses_, [&](const auto& each) {
        return each.index == index && each.address.family() == Family::v4;
    });
    if (address.family() == Family::v4 && last) {
        forget_routes(index, Family::v4);
        // Link-local addresses are not kept here, and may have kept routes alive.
        doubt_ = true;
    }
}

void LinkTable::forget_routes(int index, Family family)
{
    std::erase_if(
        routes_, [&](const auto& route) { return route.index == index && route.family == family; });
}

void LinkTable::on_route(const nlmsghdr& message)
{
    const auto header = netlink_header<rtmsg>(message);
    if (!header || !is_ordinary_default(*header)) return;
    const auto family = family_of(header->rtm_family);
    const auto facts = facts_of(message, *header);
    if (!family || facts.table != RT_TABLE_MAIN) return;

    const auto same_place = [&](const DefaultRoute& route) {
        return route.family == *family && route.metric == facts.metric;
    };
    const bool added = message.nlmsg_type == RTM_NEWROUTE;
    // `ip route replace` reports the new route only: it stands where the old one stood.
    if (added && (message.nlmsg_flags & NLM_F_REPLACE) != 0) std::erase_if(routes_, same_place);
    for (const Nexthop& hop : facts.nexthops) {
        std::erase_if(routes_, [&](const auto& route) {
            return route.index == hop.device && route.gateway == hop.gateway && same_place(route);
        });
        if (added)
            routes_.push_back({hop.device, *family, facts.metric, hop.gateway, facts.source});
    }
}

std::vector<Uplink> LinkTable::uplinks(const UplinkSelection& selection) const
{
    if (selection.automatic) return automatic(selection);
    std::vector<Uplink> result;
    for (const auto& name : selection.interfaces) {
        if (name == selection.own_tun) continue;
        const auto found = std::ranges::find_if(
            links_, [&](const auto& link) { return link.second.name == name; });
        if (found == links_.end())
            result.push_back({.interface = name, .addresses = {}});
        else
            result.push_back(uplink(found->first, found->second));
    }
    return result;
}

std::vector<Uplink> LinkTable::automatic(const UplinkSelection& selection) const
{
    const auto& known = selection.interfaces;
    const auto rank = [&](const Uplink& each) {
        const auto at = std::ranges::find(known, each.interface);
        return std::pair{at - known.begin(), at == known.end() ? each.metric : 0};
    };
    std::vector<Uplink> result;
    for (const auto& [index, link] : links_) {
        if (link.loopback || is_left_out(link.name, selection)) continue;
        auto candidate = uplink(index, link);
        if (candidate.route_v4 || candidate.route_v6) result.push_back(std::move(candidate));
    }
    std::ranges::stable_sort(result, {}, rank); // links_ is in order of index
    return result;
}

Uplink LinkTable::uplink(int index, const Link& link) const
{
    Uplink result{.interface = link.name,
                  .index = index,
                  .up = link.up,
                  .running = link.running,
                  .addresses = {}};
    for (const auto& each : addresses_of(index)) {
        result.addresses.push_back(each.address);
        result.networks.push_back(each.network);
    }
    const DefaultRoute* const v4 = best_route(index, Family::v4);
    const DefaultRoute* const v6 = best_route(index, Family::v6);
    result.route_v4 = v4;
    result.route_v6 = v6;
    if (v4) result.gateway_v4 = v4->gateway;
    if (v6) result.gateway_v6 = v6->gateway;
    if (v4 || v6) result.metric = !v6 || (v4 && v4->metric < v6->metric) ? v4->metric : v6->metric;
    return result;
}

const LinkTable::DefaultRoute* LinkTable::best_route(int index, Family family) const
{
    const DefaultRoute* best = nullptr;
    for (const auto& route : routes_) {
        if (route.index != index || route.family != family) continue;
        if (!best || route.metric < best->metric) best = &route;
    }
    return best;
}

std::vector<LinkTable::InterfaceAddress> LinkTable::addresses_of(int index) const
{
    std::vector<InterfaceAddress> own;
    std::ranges::copy_if(addresses_, std::back_inserter(own),
                         [&](const auto& each) { return each.index == index; });
    // By value last, so that the choice depends on what is there and not on the order of events.
    std::ranges::sort(own, {}, [](const auto& each) {
        return std::tuple{each.address.family(), each.deprecated, each.private_use, each.secondary,
                          each.address};
    });
    std::vector<InterfaceAddress> result;
    for (const auto& each : own) {
        const bool better_exists =
            !result.empty() && result.back().address.family() == each.address.family();
        if (!each.deprecated || !better_exists) result.push_back(each);
    }
    return result;
}

} // namespace braid
