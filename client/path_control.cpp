#include "client/path_control.hpp"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

constexpr std::uint8_t greatest_id = 254;

// tcp_states.h; whatever comes after these three is on its way out.
constexpr std::uint8_t tcp_established = 1;
constexpr std::uint8_t tcp_syn_received = 3;

bool same_path(const WantedSubflow& one, const WantedSubflow& other)
{
    return one.index == other.index && one.local == other.local &&
           one.remote.address == other.remote.address;
}

} // namespace

PathControl::PathControl(Address initial, bool initial_backup)
    : initial_(initial), initial_backup_(initial_backup)
{
}

std::vector<PathStep> PathControl::step(TimePoint now, const std::vector<WantedSubflow>& wanted,
                                        const std::vector<mptcp::Subflow>& living)
{
    observe(now, living);
    std::erase_if(attempts_, [&](const Attempt& attempt) {
        return std::ranges::none_of(
            wanted, [&](const auto& each) { return same_path(each, attempt.wanted); });
    });
    for (const auto& each : wanted) recognise(each);

    std::vector<PathStep> steps;
    cut_lost(now, wanted, steps);
    for (const auto& each : wanted) create_if_due(now, each, steps);
    for (const auto& each : wanted) set_flag(each, steps);
    return steps;
}

void PathControl::observe(TimePoint now, const std::vector<mptcp::Subflow>& living)
{
    const auto known = std::exchange(flows_, {});
    for (const auto& subflow : living) {
        if (subflow.tcp_state == 0 || subflow.tcp_state > tcp_syn_received) continue;
        const auto found = std::ranges::find_if(known, [&](const Flow& flow) {
            return flow.local == subflow.local && flow.remote == subflow.remote;
        });
        Flow flow = found == known.end() ? adopt(subflow) : *found;
        if (subflow.tcp_state == tcp_established && !flow.established_at) flow.established_at = now;
        flows_.push_back(flow);
    }
    for (const Flow& flow : known) {
        const bool still_there = std::ranges::any_of(flows_, [&](const Flow& each) {
            return each.local == flow.local && each.remote == flow.remote;
        });
        if (!still_there && !flow.cut_at) note_loss(now, flow);
    }
}

PathControl::Flow PathControl::adopt(const mptcp::Subflow& subflow)
{
    Flow flow;
    flow.local = subflow.local;
    flow.remote = subflow.remote;
    const auto held = ids_.find(subflow.local.address);
    if (held != ids_.end()) flow.local_id = held->second;
    const auto attempt = std::ranges::find_if(attempts_, [&](const Attempt& each) {
        return each.state != Attempt::State::up && each.wanted.local == flow.local.address &&
               each.wanted.remote.address == flow.remote.address;
    });
    if (attempt == attempts_.end()) {
        // The lane's first subflow, or one that is no longer wanted.
        flow.backup = initial_backup_ && flow.local.address == initial_;
        return flow;
    }
    flow.index = attempt->wanted.index;
    flow.backup = attempt->wanted.backup;
    flow.backup_told = true;
    return flow;
}

void PathControl::note_loss(TimePoint now, const Flow& flow)
{
    const auto attempt = std::ranges::find_if(attempts_, [&](const Attempt& each) {
        return each.wanted.local == flow.local.address &&
               each.wanted.remote.address == flow.remote.address;
    });
    if (attempt == attempts_.end()) return;
    if (flow.established_at && now - *flow.established_at >= settled_after)
        attempt->delay = Duration::zero();
    retry_later(now, *attempt);
}

void PathControl::retry_later(TimePoint now, Attempt& attempt) const
{
    attempt.delay = attempt.delay == Duration::zero() || !carried_
                        ? first_delay
                        : std::min<Duration>(attempt.delay * 2, longest_delay);
    attempt.state = Attempt::State::waiting;
    attempt.again_at = now + attempt.delay;
}

void PathControl::recognise(const WantedSubflow& wanted)
{
    for (Flow& flow : flows_)
        if (flow.index == 0 && carries(flow, wanted)) flow.index = wanted.index;
}

void PathControl::cut_lost(TimePoint now, const std::vector<WantedSubflow>& wanted,
                           std::vector<PathStep>& steps)
{
    const auto is_wanted = [&](const Flow& flow) {
        return std::ranges::any_of(wanted, [&](const auto& each) { return carries(flow, each); });
    };
    const bool one_lives = std::ranges::any_of(
        flows_, [&](const Flow& flow) { return flow.established_at && is_wanted(flow); });
    for (Flow& flow : flows_) {
        if (is_wanted(flow) && !flow.useless) continue;
        if (one_lives || flow.cut_at || flow.useless || is_replaced(flow, wanted))
            cut(now, flow, steps);
        else if (!std::exchange(flow.stranded, true))
            hurry(now);
    }
}

bool PathControl::is_replaced(const Flow& flow, const std::vector<WantedSubflow>& wanted)
{
    return std::ranges::any_of(wanted, [&](const WantedSubflow& each) {
        return flow.index != 0 && flow.index != each.index && flow.local.address == each.local &&
               flow.remote.address == each.remote.address;
    });
}

void PathControl::hurry(TimePoint now)
{
    for (Attempt& attempt : attempts_)
        if (attempt.state == Attempt::State::waiting) attempt.again_at = now;
}

void PathControl::cut(TimePoint now, Flow& flow, std::vector<PathStep>& steps)
{
    if (flow.cut_at && now - *flow.cut_at < cut_again_after) return;
    if (!flow.cut_at) ids_.erase(flow.local.address);
    flow.cut_at = now;
    steps.push_back(CutSubflow{flow.local, flow.remote, flow.local_id});
}

void PathControl::create_if_due(TimePoint now, const WantedSubflow& wanted,
                                std::vector<PathStep>& steps)
{
    const auto flow =
        std::ranges::find_if(flows_, [&](const Flow& each) { return carries(each, wanted); });
    auto attempt = std::ranges::find_if(
        attempts_, [&](const Attempt& each) { return same_path(each.wanted, wanted); });
    const bool first_time = attempt == attempts_.end();
    if (first_time)
        attempt = attempts_.insert(attempt, Attempt{.wanted = wanted, .created_at = now});

    if (flow != flows_.end() && flow->established_at) {
        attempt->state = Attempt::State::up;
        return;
    }
    const bool overdue = now - attempt->created_at >= patience;
    if (overdue && attempt->state == Attempt::State::trying) retry_later(now, *attempt);
    if (flow != flows_.end()) {
        if (overdue) cut(now, *flow, steps);
        return;
    }
    const bool again = attempt->state == Attempt::State::up ||
                       (attempt->state == Attempt::State::waiting && now >= attempt->again_at);
    if (!first_time && !again) return;
    attempt->wanted = wanted;
    attempt->state = Attempt::State::trying;
    attempt->created_at = now;
    steps.push_back(CreateSubflow{wanted, id_for(wanted.local)});
}

void PathControl::set_flag(const WantedSubflow& wanted, std::vector<PathStep>& steps)
{
    for (Flow& flow : flows_) {
        if (!carries(flow, wanted) || !flow.established_at) continue;
        // A flag that somebody else is said to have set is set again: that does no harm.
        if (flow.backup == wanted.backup && (flow.backup_told || !wanted.backup)) continue;
        flow.backup = wanted.backup;
        flow.backup_told = true;
        steps.push_back(SetBackup{flow.local, flow.remote, wanted.backup});
    }
}

bool PathControl::carries(const Flow& flow, const WantedSubflow& wanted)
{
    const bool same_device = flow.index == 0 || flow.index == wanted.index;
    return !flow.cut_at && same_device && flow.local.address == wanted.local &&
           flow.remote.address == wanted.remote.address;
}

void PathControl::failed(TimePoint now, const PathStep& step)
{
    if (const auto* create = std::get_if<CreateSubflow>(&step)) {
        for (Attempt& attempt : attempts_)
            if (same_path(attempt.wanted, create->subflow)) retry_later(now, attempt);
    } else if (const auto* flag = std::get_if<SetBackup>(&step)) {
        for (Flow& flow : flows_)
            if (flow.local == flag->local && flow.remote == flag->remote)
                flow.backup = !flag->backup;
    }
}

void PathControl::closed(TimePoint now, const Address& local, const Address& remote)
{
    // The event may be late and speak of an older subflow: waiting then ends when the new one
    // is seen established.
    for (Attempt& attempt : attempts_)
        if (attempt.state == Attempt::State::trying && attempt.wanted.local == local &&
            attempt.wanted.remote.address == remote)
            retry_later(now, attempt);
}

void PathControl::set_carried(TimePoint now, bool carried)
{
    if (!std::exchange(carried_, carried) || carried) return;
    for (Attempt& attempt : attempts_) {
        const TimePoint soonest = std::max(now, attempt.created_at + first_delay);
        if (attempt.state == Attempt::State::waiting)
            attempt.again_at = std::min(attempt.again_at, soonest);
    }
}

void PathControl::forgive(const std::string& interface)
{
    for (Attempt& attempt : attempts_) {
        if (attempt.wanted.interface != interface) continue;
        attempt.delay = Duration::zero();
        if (attempt.state == Attempt::State::waiting) attempt.again_at = TimePoint{};
    }
}

bool PathControl::remake(const Address& local)
{
    const auto flow = std::ranges::find_if(
        flows_, [&](const Flow& each) { return each.local.address == local && !each.cut_at; });
    if (flow == flows_.end()) return false;
    flow->useless = true;
    return true;
}

bool PathControl::remake(std::uint8_t local_id)
{
    const auto flow = std::ranges::find_if(
        flows_, [&](const Flow& each) { return each.local_id == local_id && !each.cut_at; });
    return flow != flows_.end() && remake(flow->local.address);
}

std::optional<TimePoint> PathControl::due() const
{
    std::optional<TimePoint> first;
    const auto consider = [&](TimePoint at) { first = std::min(first.value_or(at), at); };
    for (const Attempt& attempt : attempts_) {
        if (attempt.state == Attempt::State::trying) consider(attempt.created_at + patience);
        if (attempt.state == Attempt::State::waiting) consider(attempt.again_at);
    }
    for (const Flow& flow : flows_)
        if (flow.cut_at) consider(*flow.cut_at + cut_again_after);
    return first;
}

bool PathControl::is_backup(const Endpoint& local) const
{
    const auto flow = std::ranges::find(flows_, local, &Flow::local);
    if (flow != flows_.end()) return flow->backup;
    return initial_backup_ && local.address == initial_;
}

std::uint8_t PathControl::id_for(const Address& local)
{
    if (const auto held = ids_.find(local); held != ids_.end()) return held->second;
    const auto is_held = [&](std::uint8_t id) {
        return std::ranges::any_of(ids_, [&](const auto& each) { return each.second == id; });
    };
    std::uint8_t id = next_free_id(is_held);
    if (is_held(id)) {
        // 254 addresses went by themselves: the one that has had its id longest gives it up.
        id = next_free_id([](std::uint8_t) { return false; });
        std::erase_if(ids_, [&](const auto& each) { return each.second == id; });
    }
    ids_[local] = id;
    return id;
}

std::uint8_t PathControl::next_free_id(const std::function<bool(std::uint8_t)>& is_held)
{
    const auto lives = [&](std::uint8_t id) {
        return std::ranges::find(flows_, id, &Flow::local_id) != flows_.end();
    };
    for (int tried = 0; tried < greatest_id; ++tried) {
        last_id_ = static_cast<std::uint8_t>(last_id_ % greatest_id + 1);
        if (!lives(last_id_) && !is_held(last_id_)) break;
    }
    return last_id_;
}

} // namespace braid
