#include "client/lan_side.hpp"

#include "client/uplink_monitor.hpp"
#include "client/uplink_rank.hpp"
#include "common/sys/ethtool.hpp"
#include "common/sys/sysctl.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <memory>
#include <net/if.h>

namespace braid {
namespace {

bool is_on(const std::string& sysctl)
{
    const auto value = read_sysctl(sysctl);
    return value && *value != "0";
}

/// IPv6 is forwarded only where `all` says so too.
bool forwards(const std::string& interface)
{
    return is_on("net/ipv4/conf/" + interface + "/forwarding") ||
           (is_on("net/ipv6/conf/all/forwarding") &&
            is_on("net/ipv6/conf/" + interface + "/forwarding"));
}

std::vector<std::string> interface_names()
{
    const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> listed{
        ::if_nameindex(), &::if_freenameindex};
    std::vector<std::string> names;
    for (const auto* each = listed.get(); each && each->if_index != 0; ++each)
        names.emplace_back(each->if_name);
    return names;
}

bool is_virtual(const std::string& name)
{
    return std::ranges::any_of(UplinksConfig::default_exclude(), [&](const std::string& pattern) {
        return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
}

} // namespace

std::vector<std::string> without_receive_offload(const std::vector<ForwardingInterface>& interfaces,
                                                 const std::vector<Uplink>& uplinks,
                                                 const std::string& tun)
{
    std::vector<std::string> found;
    for (const auto& each : interfaces) {
        if (!each.running || !each.forwards || each.receive_offload.value_or(true)) continue;
        if (each.name == "lo" || each.name == tun || is_virtual(each.name)) continue;
        if (std::ranges::find(uplinks, each.name, &Uplink::interface) != uplinks.end()) continue;
        found.push_back(each.name);
    }
    return found;
}

Result<std::vector<std::string>> lan_without_receive_offload(const ClientConfig& config)
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return fail(netlink.error());
    const auto table = list_links(*netlink);
    if (!table) return fail(table.error());

    std::vector<ForwardingInterface> interfaces;
    for (const Uplink& link : table->uplinks({.interfaces = interface_names(), .own_tun = ""})) {
        const auto offload = has_receive_offload(link.interface);
        interfaces.push_back({.name = link.interface,
                              .running = link.running,
                              .forwards = forwards(link.interface),
                              .receive_offload = offload ? std::optional{*offload} : std::nullopt});
    }
    return without_receive_offload(interfaces, table->uplinks(selection_of(config)),
                                   config.tun.name);
}

} // namespace braid
