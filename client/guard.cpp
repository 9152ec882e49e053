#include "client/guard.hpp"

#include "common/sys/udp.hpp"

#include <algorithm>
#include <array>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

constexpr std::uint8_t tcp_established = 1;

/// So long ACKs may be overdue while probes come back: the kernel's own retransmission, which
/// comes first, may be lost too.
constexpr Duration stuck_after = 250ms;
/// And so long the oldest byte may have none while others do.
constexpr Duration oldest_after = 700ms;
/// After an outage the kernel's next retransmission is seconds away.
constexpr Duration stuck_after_outage = 100ms;
constexpr Duration after_outage = 3s;
constexpr Duration stuck_again_after = 500ms;
constexpr Duration fresh_for = 30ms;
constexpr Duration late_after = StallClock::late_after - StallClock::round;
/// After the last inner packet something may still be owed through the lane.
constexpr Duration in_use_for = 5s;
/// A lane that was held has a peer that looks at our window only at long intervals by now.
constexpr Duration after_hold = 3s;

bool answers(Health health)
{
    return health == Health::good || health == Health::poor;
}

bool same_way(const GuardedPath& one, const GuardedPath& other)
{
    return one.index == other.index && one.local == other.local && one.remote == other.remote;
}

} // namespace

Guard::Guard(Loop& loop, Listener& listener)
    : loop_(loop), listener_(listener), round_(loop, [this] { round(); })
{
}

void Guard::enable(bool on)
{
    if (on == std::exchange(enabled_, on)) return;
    watched_.clear();
    round_.stop();
    close_look_ = false;
    if (on) wake();
}

void Guard::attach(const Lane& lane, ProbeKeys keys)
{
    lane_ = &lane;
    keys_ = std::move(keys);
    freeze_ = {};
    hole_ = {};
    packets_ = 0;
    for (auto& each : watched_) {
        each->health.new_lane();
        each->subflow.reset();
    }
    wake();
}

void Guard::detach()
{
    round_.stop();
    close_look_ = false;
    lane_ = nullptr;
    keys_.reset();
}

void Guard::watch(const std::vector<GuardedPath>& paths, bool one_way)
{
    one_way_ = one_way;
    if (!enabled_) return;
    std::vector<std::unique_ptr<Watched>> next;
    for (const GuardedPath& path : paths) {
        const auto known = std::ranges::find_if(watched_, [&](const auto& each) {
            return each && each->path.interface == path.interface && same_way(each->path, path) &&
                   each->path.metered == path.metered;
        });
        if (known != watched_.end()) {
            (*known)->path = path;
            next.push_back(std::move(*known));
        } else {
            next.push_back(std::make_unique<Watched>(path));
        }
    }
    watched_ = std::move(next);
}

void Guard::wake()
{
    active_at_ = loop_.now();
    if (!lane_ || !enabled_ || close_look_) return;
    close_look_ = true;
    due_at_ = loop_.now();
    round_.once(0ms);
}

Health Guard::health(const std::string& interface) const
{
    const PathHealth* known = path(interface);
    return known ? known->health() : Health::unknown;
}

const PathHealth* Guard::path(const std::string& interface) const
{
    for (const auto& each : watched_)
        if (each->path.interface == interface) return &each->health;
    return nullptr;
}

std::optional<TimePoint> Guard::moved_at(const std::string& interface) const
{
    for (const auto& each : watched_)
        if (each->path.interface == interface) return each->moved_at;
    return std::nullopt;
}

void Guard::round()
{
    const TimePoint now = loop_.now();
    if (now - due_at_ > late_after) lateness_.note(now, now - due_at_);
    look_at_lane(now);
    const bool changed = judge(now);
    for (auto& each : watched_) probe(now, *each);
    close_look_ = active(now) || std::ranges::any_of(watched_, [&](const auto& each) {
                      return each->health.needs_a_close_look(now);
                  });
    const Duration pause = close_look_ ? Duration{StallClock::round} : Duration{idle_round};
    due_at_ = now + pause;
    round_.once(std::chrono::duration_cast<std::chrono::milliseconds>(pause));
    if (changed) listener_.on_health_changed();
    listener_.on_round(now);
    if (is_frozen(now)) listener_.on_lane_frozen();
}

void Guard::look_at_lane(TimePoint now)
{
    const auto& counters = lane_->counters();
    const std::uint64_t packets = counters.packets_sent + counters.packets_received;
    if (packets != std::exchange(packets_, packets)) active_at_ = now;
    const auto living = mptcp::subflows(lane_->fd());
    if (!living) return;
    for (auto& each : watched_) look_at_subflow(now, *each, *living);
}

void Guard::look_at_subflow(TimePoint now, Watched& watched,
                            const std::vector<mptcp::Subflow>& living)
{
    const auto found = std::ranges::find_if(living, [&](const mptcp::Subflow& each) {
        return each.tcp_state == tcp_established && each.local.address == watched.path.local;
    });
    if (found == living.end()) {
        watched.subflow.reset();
        watched.stuck_since.reset();
        watched.health.subflow(now, false, 0, 0);
        return;
    }
    const auto before = std::exchange(watched.subflow, *found);
    const bool same = before && before->local == found->local;
    if (!same) watched.ack_due = {};
    watched.ack_due.look(now, found->bytes_sent - found->bytes_retransmitted, found->bytes_acked);
    const Duration rtt =
        std::max<Duration>(std::chrono::microseconds{found->rtt_us}, watched.health.rtt());
    const bool overdue = watched.ack_due.overdue(now, rtt);
    // That it was established is an answer too.
    const bool progressed = !same || before->delivered != found->delivered;
    const std::uint64_t carried = same ? found->bytes_sent - before->bytes_sent +
                                             found->bytes_received - before->bytes_received
                                       : 0;
    watched.health.subflow(now, progressed, overdue ? std::max(found->unacked, 1u) : 0, carried);
    const bool heard = same && before->bytes_received != found->bytes_received;
    if (heard) watched.health.heard(now);
    if (heard || progressed) watched.moved_at = now;
    if (!overdue || progressed)
        watched.stuck_since.reset();
    else if (!watched.stuck_since)
        watched.stuck_since = now;
}

bool Guard::judge(TimePoint now)
{
    bool changed = false;
    for (auto& each : watched_) {
        const Health before = each->health.health();
        each->health.tick(now, refuge_from(now, *each), lateness_.of_late(now));
        changed = changed || each->health.health() != before;
        if (!is_stuck(now, *each)) continue;
        each->stuck_since.reset();
        each->found_stuck_at = now;
        if (each->health.stuck(now, refuge_from(now, *each))) {
            freeze_.subflow_remade(now);
            listener_.on_subflow_stuck(each->path.interface);
        }
        changed = changed || each->health.health() != before;
    }
    return changed;
}

bool Guard::is_stuck(TimePoint now, const Watched& watched) const
{
    if (!answers(watched.health.health()) || !watched.health.probes_pass() || !watched.subflow)
        return false;
    if (now - watched.found_stuck_at < stuck_again_after) return false;
    const Duration rtt = std::max<Duration>(std::chrono::microseconds{watched.subflow->rtt_us},
                                            watched.health.rtt());
    const bool outage_ended = now - watched.health.outage_ended_at() < after_outage;
    const Duration limit = outage_ended ? stuck_after_outage : stuck_after;
    if (watched.stuck_since && now - *watched.stuck_since >= limit + 4 * rtt) return true;
    // ACKs come, but not of the oldest byte, which all behind it waits for.
    const auto oldest = watched.ack_due.oldest_sent();
    return oldest && now - *oldest >= oldest_after + 4 * rtt;
}

Refuge Guard::refuge_from(TimePoint now, const Watched& from) const
{
    Refuge best = Refuge::none;
    for (const auto& each : watched_) {
        const bool works = answers(each->health.health()) &&
                           !each->health.needs_a_close_look(now) && (each->subflow || one_way_);
        if (each.get() == &from || !works) continue;
        best = std::max(best, each->health.silent(now) < fresh_for ? Refuge::fresh : Refuge::idle);
    }
    return best;
}

void Guard::probe(TimePoint now, Watched& watched)
{
    const auto use = !active(now)            ? PathUse::ready
                     : watched.path.carrying ? PathUse::carrying
                                             : PathUse::refuge;
    const auto number = watched.health.next_probe(now, use);
    if (!number) return;
    if (!watched.fd) open_socket(watched);
    if (!watched.fd) return;
    std::array<std::byte, probe_size> datagram{};
    write_probe({.kind = ProbeKind::probe, .number = *number, .lane = keys_->lane}, *keys_,
                datagram);
    // What cannot be sent is a probe that has no echo.
    (void)::send(watched.fd.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
}

void Guard::open_socket(Watched& watched)
{
    const GuardedPath& path = watched.path;
    auto fd = udp::connect(path.interface, path.local, path.remote);
    if (!fd)
        return spdlog::debug("no probes uplink={} reason=\"{}\"", path.interface,
                             fd.error().text());
    watched.watch.reset();
    watched.fd = std::move(*fd);
    watched.watch.emplace(loop_, watched.fd.get(),
                          [this, &watched](Interest) { on_echo(watched); });
    watched.watch->want({.readable = true});
}

void Guard::on_echo(Watched& watched)
{
    constexpr int most_at_once = 16;
    std::array<std::byte, probe_size + 1> datagram{};
    const Health before = watched.health.health();
    for (int i = 0; i < most_at_once; ++i) {
        const ssize_t n = ::recv(watched.fd.get(), datagram.data(), datagram.size(), 0);
        if (n < 0) break; // nothing more, or what ICMP said of a probe
        const Bytes received = Bytes{datagram}.first(static_cast<std::size_t>(n));
        const auto echo = parse_probe(received);
        if (!echo || echo->kind != ProbeKind::echo || !keys_ || !is_authentic(received, *keys_))
            continue;
        (void)watched.health.echoed(loop_.now(), echo->number);
    }
    if (watched.health.health() != before) listener_.on_health_changed();
}

bool Guard::is_frozen(TimePoint now)
{
    if (lane_->held()) {
        held_at_ = now;
        freeze_ = {};
        hole_ = {};
    }
    if (now - held_at_ < after_hold) return false;
    const auto works = std::ranges::find_if(watched_, [&](const auto& each) {
        return each->subflow && each->health.probes_pass() && answers(each->health.health()) &&
               each->health.silent(now) < stuck_after;
    });
    const bool path_works = works != watched_.end();
    const auto advice = freeze_.look(now, {.in_use = now - active_at_ < in_use_for,
                                           .heard_at = lane_->heard_at(),
                                           .path_works = path_works,
                                           .rtt = path_works ? (*works)->health.rtt() : 0ms});
    if (advice == FreezeWatch::Advice::ping) listener_.on_ping_due();
    if (advice == FreezeWatch::Advice::frozen) return true;
    const auto data = mptcp::data_progress(lane_->fd());
    if (one_way_ || !data) return false;
    HoleWatch::Look look{.acked = data->acked, .unacked = data->unacked};
    for (const auto& each : watched_) {
        if (!each->subflow) continue;
        look.peer_window = std::max(look.peer_window, each->subflow->peer_window);
        look.rtt = std::max<Duration>(look.rtt, std::chrono::microseconds{each->subflow->rtt_us});
        if (const auto sent = each->ack_due.oldest_sent())
            look.oldest_in_flight = std::min(look.oldest_in_flight, *sent);
    }
    return hole_.look(now, look);
}

} // namespace braid
