/// How a running client goes on with another config.
#include "client/client.hpp"
#include "client/uplink_rank.hpp"

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

} // namespace braid
