/// Which uplinks may carry a running client's lane, and how it goes on with another config.
#include "client/client.hpp"
#include "client/uplink_rank.hpp"

#include <algorithm>
#include <utility>

namespace braid {

Status Client::reconfigure(ClientConfig next)
{
    if (next.routes != config_.routes) {
        if (auto routed = host_.reroute(next.routes); !routed) return routed;
    }
    config_ = std::move(next);
    monitor_->select(selection_of(config_));
    on_uplinks_changed();
    return {};
}

bool Client::is_forsaken() const
{
    const auto uplinks = ranked_uplinks();
    const auto may_carry = [&](const RankedUplink& each) {
        const bool reaches = paths_ || each.uplink.interface == via_->interface;
        return reaches && each.uplink.usable() && each.priority != Priority::never;
    };
    if (std::ranges::any_of(uplinks, may_carry)) return false;
    if (!paths_) return true;
    // A dead uplink may come back to an MPTCP lane; one that is never to be used must not carry it.
    return std::ranges::any_of(subflows(), [&](const SubflowView& flow) {
        return std::ranges::any_of(uplinks, [&](const RankedUplink& each) {
            return each.uplink.interface == flow.interface && each.priority == Priority::never;
        });
    });
}

} // namespace braid
