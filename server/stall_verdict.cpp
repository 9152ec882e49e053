#include "server/stall_verdict.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace braid {
namespace {

constexpr std::uint8_t tcp_established = 1;

template <typename Flow>
auto is_same_as(const Flow& flow)
{
    return [&flow](const auto& other) {
        return other.local == flow.local && other.remote == flow.remote;
    };
}

bool is_established(const mptcp::Subflow& flow)
{
    return flow.tcp_state == tcp_established;
}

} // namespace

std::optional<StallVerdict::Conviction> StallVerdict::look(TimePoint now,
                                                           std::span<const mptcp::Subflow> living)
{
    follow(now, living);
    for (Watched& each : watched_) {
        const auto& flow = *std::ranges::find_if(living, is_same_as(each));
        each.ack_due.look(now, flow.bytes_sent - flow.bytes_retransmitted, flow.bytes_acked);
        each.rtt = std::chrono::microseconds{flow.rtt_us};
        each.overdue = each.ack_due.overdue(now, each.rtt);
        const bool progressed = std::exchange(each.delivered, flow.delivered) != flow.delivered;
        each.clock.tick(now, {.overdue = each.overdue ? std::max(flow.unacked, 1U) : 0,
                              .progressed = progressed});
    }
    const auto stalled = std::ranges::find_if(watched_, [&](const Watched& each) {
        return each.clock.stalled(lateness_.of_late(now) + acks_only) && another_lives(each);
    });
    if (stalled == watched_.end()) return std::nullopt;
    const Conviction conviction{stalled->local, stalled->remote, stalled->clock.silent()};
    remember(now, *stalled);
    watched_.erase(stalled);
    return conviction;
}

StallVerdict::InFlight StallVerdict::in_flight() const
{
    InFlight all;
    for (const Watched& each : watched_) {
        all.rtt = std::max(all.rtt, each.rtt);
        if (const auto sent = each.ack_due.oldest_sent()) all.oldest = std::min(all.oldest, *sent);
    }
    return all;
}

bool StallVerdict::waits() const
{
    return std::ranges::any_of(watched_, &Watched::overdue);
}

void StallVerdict::follow(TimePoint now, std::span<const mptcp::Subflow> living)
{
    std::erase_if(watched_, [&](const Watched& each) {
        const auto found = std::ranges::find_if(living, is_same_as(each));
        const bool gone = found == living.end() || !is_established(*found);
        if (gone) remember(now, each);
        return gone;
    });
    for (const mptcp::Subflow& flow : living) {
        if (!is_established(flow) || std::ranges::any_of(watched_, is_same_as(flow))) continue;
        watched_.push_back({.local = flow.local,
                            .remote = flow.remote,
                            .clock = clock_for(now, flow.remote.address),
                            .ack_due = {},
                            .delivered = flow.delivered});
    }
}

StallClock StallVerdict::clock_for(TimePoint now, const Address& remote)
{
    const auto known = std::ranges::find(remembered_, remote, &Remembered::remote);
    if (known == remembered_.end()) return {};
    StallClock clock = known->clock;
    // A handshake has just gone over it, both ways.
    const Duration gap = now - known->gone_at + known->silent;
    if (known->silent > Duration::zero() && gap < outage) clock.learn(gap);
    remembered_.erase(known);
    return clock;
}

void StallVerdict::remember(TimePoint now, const Watched& gone)
{
    if (remembered_.size() == most_remembered) remembered_.erase(remembered_.begin());
    remembered_.push_back({gone.remote.address, gone.clock, gone.clock.silent(), now});
}

bool StallVerdict::another_lives(const Watched& than) const
{
    return std::ranges::any_of(watched_, [&](const Watched& each) {
        return &each != &than && each.clock.silent() < lively;
    });
}

} // namespace braid
