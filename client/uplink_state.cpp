#include "client/uplink_state.hpp"

#include <optional>

namespace braid {
namespace {

/// What the host itself knows to be wrong.
std::optional<UplinkState> down_by_host(const Uplink& uplink)
{
    const auto down = [](std::string_view reason, std::string_view cause) {
        return UplinkState{.state = "down", .reason = reason, .cause = cause, .lacking = true};
    };
    if (uplink.index == 0) return down("no such interface", "gone");
    if (!uplink.up) return down("administratively down", "link_down");
    if (!uplink.running) return down("no carrier", "no_carrier");
    if (uplink.addresses.empty()) return down("no usable address", "no_address");
    if (!uplink.usable()) return down("no default route", "no_route");
    return std::nullopt;
}

UplinkState with_subflow(const UplinkFacts& facts)
{
    if (facts.ranked.health == Health::stalled && !facts.subflow->subflow.backup)
        return {.state = "stalled",
                .reason = "silent, and no other uplink works",
                .cause = "stall",
                .lacking = true};
    if (facts.ranked.health == Health::stalled)
        return {.state = "stalled",
                .reason = "silent for a moment, new traffic goes elsewhere",
                .cause = "stall"};
    // Its short rests on standby are no change of state.
    if (facts.ranked.spent || (facts.ranked.limit_bps && !facts.subflow->subflow.backup))
        return {.state = "active", .reason = "slowed down: data cap is reached", .cause = {}};
    if (!facts.subflow->subflow.backup) {
        const bool poor = facts.ranked.health == Health::poor;
        return {.state = "active",
                .reason = poor ? "carries traffic, but is slow or loses much" : "carries traffic",
                .cause = {}};
    }
    if (facts.only_backups)
        return {.state = "active",
                .reason = "backup, carries traffic because no better uplink works",
                .cause = {}};
    return {.state = "standby", .reason = "works, used when no better uplink does", .cause = {}};
}

} // namespace

UplinkState state_of(const UplinkFacts& facts)
{
    if (facts.ranked.priority == Priority::never)
        return {.state = "unused",
                .reason = facts.capped ? "data cap is reached" : "priority is never",
                .cause = {}};
    if (const auto down = down_by_host(facts.ranked.uplink)) return *down;
    const Health health = facts.ranked.health;
    const bool lost = health == Health::lost || (health == Health::trying && !facts.subflow);
    if (facts.established && lost)
        return {.state = "lost",
                .reason = "the server does not answer over it",
                .cause = "silent_loss",
                .lacking = true};
    if (facts.subflow) return with_subflow(facts);
    if (!facts.established)
        return {.state = "connecting",
                .reason = "no session with the server",
                .cause = {},
                .lacking = true};
    if (!facts.mptcp)
        return {.state = "idle",
                .reason = "the connection fell back to plain TCP, which uses one uplink",
                .cause = {},
                .lacking = true};
    return {.state = "connecting", .reason = "no subflow yet", .cause = {}, .lacking = true};
}

} // namespace braid
