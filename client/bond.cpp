#include "client/bond.hpp"

#include "client/uplink_state.hpp"
#include "common/session/lane_socket.hpp"
#include "common/sys/mptcp.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>

namespace braid {
namespace {

constexpr std::uint8_t tcp_established = 1;

/// What comes in after a lane has stopped to read is its window. One of a quarter of a second keeps
/// the rests short, and is still more than what most round trips need.
constexpr std::uint64_t windows_per_second = 4;
constexpr std::size_t least_window = 16 * 1024;

const std::string& interface_of(const RankedUplink& ranked)
{
    return ranked.uplink.interface;
}

std::string gap_text(const std::optional<Duration>& gap)
{
    if (!gap) return {};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*gap);
    return " gap_ms=" + std::to_string(ms.count());
}

} // namespace

Bond::Bond(Loop& loop, Listener& listener)
    : loop_(loop),
      listener_(listener),
      guard_(loop, static_cast<Guard::Listener&>(*this)),
      useless_timer_(loop,
                     [this] {
                         if (const auto reason = std::exchange(useless_, std::nullopt))
                             listener_.on_lane_useless(*reason);
                     }),
      doubt_timer_(loop,
                   [this] {
                       if (!is_carried()) {
                           doubted_ = true;
                           listener_.on_lane_doubtful();
                       }
                       doubt();
                   }),
      limit_timer_(loop, [this] { keep_limits(); })
{
}

void Bond::open()
{
    auto pm = MptcpPm::open();
    if (!pm) {
        spdlog::warn("no MPTCP path manager: one uplink at a time reason=\"{}\"",
                     pm.error().text());
        return;
    }
    pm_ = std::move(*pm);
    pm_watch_.emplace(loop_, pm_->events_fd(), [this](Interest) {
        const auto received = pm_->receive([this](const MptcpEvent& event) {
            if (driver_) driver_->on_event(event);
        });
        if (!received) spdlog::debug("path manager events lost");
        note_states();
    });
    pm_watch_->want({.readable = true});
}

void Bond::attach(Session& session, const Connected& connected, ProbeKeys keys)
{
    session_ = &session;
    server_pressure_ = false;
    via_ = connected.target;
    const int fd = session.lane()->fd();
    const auto token = mptcp::token(fd);
    if (pm_ && token)
        driver_.emplace(loop_, *pm_, fd, *token, connected.local, connected.target.backup);
    guard_.attach(*session.lane(), std::move(keys));
    window_ = 0;
    if (!limits_.none()) limit_timer_.once(0ms);
}

void Bond::detach()
{
    useless_timer_.stop();
    useless_.reset();
    doubt_timer_.stop();
    doubted_ = false;
    limit_timer_.stop();
    guard_.detach();
    driver_.reset();
    session_ = nullptr;
    begun_ = false;
    ledger_.update({});
    note_states();
}

void Bond::begin()
{
    begun_ = true;
    update();
}

void Bond::set_uplinks(std::vector<RankedUplink> uplinks)
{
    uplinks_ = std::move(uplinks);
    limits_.set(uplinks_);
    for (RankedUplink& each : uplinks_) {
        each.health = guard_.health(each.uplink.interface);
        each.spent = limits_.spent(each.uplink.interface);
    }
    if (session_ && !limit_timer_.pending()) keep_limits();
    update();
}

void Bond::keep_limits()
{
    const auto living = subflows();
    ledger_.update(living);
    if (limits_.look(loop_.now(), ledger_)) update();
    if (limits_.exhausted(uplinks_, living))
        session_->hold();
    else
        session_->release();
    if (!limits_.none()) limit_timer_.once(limits_.all_full() ? Guard::idle_round : limit_round);
}

void Bond::configure(Policy policy, bool guarded)
{
    demand_.policy = policy;
    guard_.enable(guarded);
    update();
}

void Bond::set_servers(std::vector<Endpoint> servers)
{
    servers_ = std::move(servers);
}

void Bond::set_server_pressure(bool full)
{
    server_pressure_ = full;
    feel_pressure();
}

void Bond::feel_pressure()
{
    const bool full = server_pressure_ || pressure_.full();
    if (full == std::exchange(demand_.primaries_full, full)) return;
    spdlog::debug("primaries full={}", full);
    update();
}

void Bond::subflow_lost(std::uint8_t address_id)
{
    if (driver_) driver_->remake(address_id);
}

bool Bond::poll()
{
    if (!session_) return false;
    ledger_.update(subflows());
    ledger_.mark();
    note_states();
    if (!driver_ || mptcp::is_mptcp(session_->lane()->fd())) return false;
    spdlog::warn("fell back to plain TCP uplink={}", via_->interface);
    driver_.reset();
    update();
    return true;
}

std::vector<SubflowView> Bond::subflows() const
{
    if (!session_) return {};
    if (driver_) return driver_->subflows(uplinks_);
    std::vector<SubflowView> plain;
    if (auto flows = mptcp::subflows(session_->lane()->fd())) {
        for (mptcp::Subflow& flow : *flows) plain.push_back({via_->interface, std::move(flow)});
    }
    return plain;
}

void Bond::bound_window(const std::vector<WantedSubflow>& plan)
{
    std::vector<std::string> interfaces;
    for (const WantedSubflow& each : plan)
        if (driver_ || each.interface == via_->interface) interfaces.push_back(each.interface);
    const auto rate_bps = limits_.rate_of(interfaces);
    if (!rate_bps && window_ == 0) return;
    std::size_t wanted = lane_socket::wide_window;
    if (rate_bps)
        wanted = std::clamp<std::size_t>(*rate_bps / windows_per_second / 8, least_window,
                                         lane_socket::wide_window);
    if (wanted == std::exchange(window_, wanted)) return;
    lane_socket::bound_window(session_->lane()->fd(), wanted);
}

void Bond::on_health_changed()
{
    update();
}

void Bond::on_subflow_stuck(const std::string& interface)
{
    const auto uplink = std::ranges::find(uplinks_, interface, interface_of);
    if (!driver_ || uplink == uplinks_.end()) return;
    spdlog::info("event=subflow_remade uplink={} reason=stuck", interface);
    for (const Address& address : uplink->uplink.addresses) driver_->remake(address);
}

void Bond::on_ping_due()
{
    session_->ping();
}

void Bond::on_lane_frozen()
{
    spdlog::warn("event=lane_frozen uplink={}", via_->interface);
    leave(std::errc::timed_out, "the connection stands still although its way works");
}

void Bond::on_round(TimePoint now)
{
    for (const RankedUplink& each : uplinks_) {
        if (guard_.moved_at(each.uplink.interface) == now)
            history_.moved(now, each.uplink.interface);
    }
    using enum PressureMeter::Queue;
    pressure_.look(now, session_->queue().empty() ? empty : waits);
    feel_pressure();
    tell_events();
}

void Bond::update()
{
    if (!begun_) return;
    std::vector<WantedSubflow> ways;
    for (RankedUplink& each : uplinks_) {
        each.health = guard_.health(each.uplink.interface);
        if (auto way = way_over(each, via_->remote, servers_)) ways.push_back(std::move(*way));
    }
    note_states(); // while guard and flags still are what they were
    for (RankedUplink& each : uplinks_) each.spent = limits_.spent(each.uplink.interface);
    auto plan = plan_subflows(uplinks_, demand_, via_->remote, servers_);
    for (WantedSubflow& way : ways) {
        const auto planned = std::ranges::find(plan, way.interface, &WantedSubflow::interface);
        way.backup = planned == plan.end() || planned->backup;
    }
    watch(ways);
    if (auto reason = why_forsaken(plan); !reason.empty())
        leave(std::errc::network_down, std::move(reason));
    bound_window(plan); // first: a subflow keeps the window that it began with
    if (driver_) driver_->update(std::move(plan), is_carried());
    doubt();
}

void Bond::watch(const std::vector<WantedSubflow>& ways)
{
    std::vector<GuardedPath> paths;
    for (const WantedSubflow& way : ways) {
        const auto ranked = std::ranges::find(uplinks_, way.interface, interface_of);
        // Of plain TCP only the first way carries anything.
        const bool carrying = driver_ ? !way.backup : way.interface == via_->interface;
        paths.push_back({.interface = way.interface,
                         .index = way.index,
                         .local = way.local,
                         .remote = way.remote,
                         .metered = ranked->metered,
                         .carrying = carrying});
    }
    guard_.watch(paths, !driver_);
}

std::string Bond::why_forsaken(const std::vector<WantedSubflow>& plan) const
{
    if (driver_) {
        // A dead uplink may come back to the lane; one that is never to be used must not carry it.
        const bool forbidden = std::ranges::any_of(subflows(), [&](const SubflowView& flow) {
            const auto uplink = std::ranges::find(uplinks_, flow.interface, interface_of);
            return uplink != uplinks_.end() && uplink->priority == Priority::never;
        });
        return plan.empty() && forbidden ? "no uplink may be used" : "";
    }
    const auto via = std::ranges::find(uplinks_, via_->interface, interface_of);
    if (via == uplinks_.end() || !via->uplink.usable() || via->priority == Priority::never)
        return "uplink " + via_->interface + " is not usable";
    return via->health == Health::lost || via->health == Health::trying
               ? "uplink " + via_->interface + " is silent"
               : "";
}

bool Bond::is_carried() const
{
    return std::ranges::any_of(subflows(), [&](const SubflowView& flow) {
        const auto uplink = std::ranges::find(uplinks_, flow.interface, interface_of);
        return uplink != uplinks_.end() && may_carry(uplink->health);
    });
}

void Bond::doubt()
{
    if (driver_ && begun_ && !is_carried()) {
        if (!doubt_timer_.pending()) doubt_timer_.once(doubt_after);
        return;
    }
    doubt_timer_.stop();
    if (std::exchange(doubted_, false)) listener_.on_lane_trusted();
}

void Bond::leave(std::errc code, std::string reason)
{
    useless_ = Error{std::make_error_code(code), std::move(reason), {}};
    useless_timer_.once(0ms);
}

void Bond::note_states()
{
    const auto living = subflows();
    const bool only_backups = std::ranges::none_of(living, [](const SubflowView& each) {
        return each.subflow.tcp_state == tcp_established && !each.subflow.backup;
    });
    for (const RankedUplink& each : uplinks_) {
        const auto& interface = each.uplink.interface;
        const auto flow = std::ranges::find(living, interface, &SubflowView::interface);
        const UplinkFacts facts{.ranked = each,
                                .subflow = flow == living.end() ? nullptr : &*flow,
                                .established = begun_,
                                .mptcp = drives_paths(),
                                .only_backups = only_backups};
        history_.note(loop_.now(), interface, state_of(facts), guard_.moved_at(interface));
    }
    tell_events();
}

void Bond::tell_events()
{
    using enum UplinkHistory::Event::Kind;
    for (const auto& event : history_.take_events(loop_.now())) {
        const bool quiet = !event_log_.allows(loop_.now()); // an uplink that flaps
        const auto level = quiet                ? spdlog::level::debug
                           : event.kind == down ? spdlog::level::warn
                                                : spdlog::level::info;
        constexpr const char* names[] = {"uplink_up", "uplink_down", "uplink_stalled"};
        const std::string reason = event.kind == down ? " reason=" + event.cause : "";
        spdlog::log(level, "event={} uplink={}{}{}", names[static_cast<int>(event.kind)],
                    event.interface, reason, gap_text(event.gap));
    }
}

} // namespace braid
