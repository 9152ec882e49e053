/// How a client that has a lane looks for another one, which takes over without a gap.
#include "client/client.hpp"
#include "client/targets.hpp"
#include "common/sys/mptcp.hpp"

#include <algorithm>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {

void Client::upgrade_later()
{
    upgrade_timer_.once(upgrade_backoff_.next(::randombytes_random()));
}

void Client::try_upgrade()
{
    auto targets = plan_targets(bond_.uplinks(), servers_.endpoints());
    std::erase_if(targets, [&](const Target& each) { return each.interface != via_->interface; });
    if (!established_ || targets.empty() || !mptcp::available()) return upgrade_later();
    connector_.race(std::move(targets), Connector::Wanted::mptcp);
}

void Client::on_lane_doubtful()
{
    auto targets = plan_targets(bond_.uplinks(), servers_.endpoints());
    if (connector_.racing()) return connector_.extend(targets, sources_of(bond_.uplinks()));
    if (targets.empty()) return;
    spdlog::debug("no uplink carries the connection: looking for another");
    connector_.race(std::move(targets));
}

void Client::on_lane_trusted()
{
    connector_.cancel();
}

void Client::on_further_lane_end(Result<Connected> outcome)
{
    const bool gone =
        !outcome && outcome.error().code == std::make_error_code(Opening::session_gone);
    if (!outcome && !gone) {
        if (!bond_.drives_paths()) upgrade_later();
        return;
    }
    poll(); // the last figures of the lane that rests from here on
    leave_lane();
    if (outcome) return on_connected(std::move(*outcome));
    spdlog::info("the server has no such session any more: handshake");
    forget_session();
    connect();
}

} // namespace braid
