#include "client/uplink_rank.hpp"

#include <algorithm>

namespace braid {

UplinkSelection selection_of(const ClientConfig& config)
{
    UplinkSelection selection{.automatic = config.uplinks.automatic,
                              .exclude = config.uplinks.exclude,
                              .interfaces = {},
                              .own_tun = config.tun.name};
    for (const UplinkConfig& uplink : config.uplinks.listed)
        selection.interfaces.push_back(uplink.interface);
    return selection;
}

UplinkConfig uplink_config(const UplinksConfig& uplinks, const std::string& interface)
{
    const auto found = std::ranges::find(uplinks.listed, interface, &UplinkConfig::interface);
    return found == uplinks.listed.end() ? UplinkConfig{.interface = interface} : *found;
}

Priority priority_of(const UplinkConfig& uplink, DataUsage::Cap cap)
{
    if (cap != DataUsage::Cap::reached) return uplink.priority;
    switch (uplink.at_cap.action) {
    case AtCap::Action::backup: return std::max(uplink.priority, Priority::backup);
    case AtCap::Action::never: return Priority::never;
    case AtCap::Action::limit: return uplink.priority;
    }
    return uplink.priority;
}

std::optional<std::uint64_t> limit_of(const UplinkConfig& uplink, DataUsage::Cap cap)
{
    const bool limited =
        cap == DataUsage::Cap::reached && uplink.at_cap.action == AtCap::Action::limit;
    return limited ? std::optional{uplink.at_cap.rate_bps} : std::nullopt;
}

} // namespace braid
