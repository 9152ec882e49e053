#include "client/path_driver.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

constexpr Duration longest_pause = 1s;
constexpr Duration shortest_pause = 20ms; ///< what is overdue is not asked for more often
constexpr std::uint8_t tcp_established = 1;

bool same_flow(const mptcp::Subflow& subflow, const Endpoint& local, const Endpoint& remote)
{
    return subflow.local == local && subflow.remote == remote;
}

/// True when there was nothing to remove or destroy: it had gone before.
bool means_gone(const Error& error)
{
    return error.code == std::errc::no_such_process ||
           error.code == std::errc::no_such_file_or_directory ||
           error.code == std::errc::invalid_argument;
}

std::string interface_of(const Address& local, const std::vector<RankedUplink>& uplinks)
{
    for (const RankedUplink& each : uplinks)
        if (std::ranges::find(each.uplink.addresses, local) != each.uplink.addresses.end())
            return each.uplink.interface;
    return {};
}

} // namespace

PathDriver::PathDriver(Loop& loop, MptcpPm& pm, int fd, std::uint32_t token, Endpoint initial_local,
                       bool initial_backup)
    : loop_(loop),
      pm_(pm),
      fd_(fd),
      token_(token),
      control_(initial_local.address, initial_backup),
      error_limit_(3, 1min),
      timer_(loop, [this] { step(); })
{
    timer_.once(longest_pause);
}

void PathDriver::update(std::vector<WantedSubflow> wanted, bool carried)
{
    control_.set_carried(loop_.now(), carried);
    for (const auto& each : wanted)
        if (std::ranges::find(wanted_, each) == wanted_.end()) control_.forgive(each.interface);
    wanted_ = std::move(wanted);
    step();
}

void PathDriver::remake(const Address& local)
{
    if (control_.remake(local)) step();
}

void PathDriver::remake(std::uint8_t local_id)
{
    if (control_.remake(local_id)) step();
}

void PathDriver::on_event(const MptcpEvent& event)
{
    if (event.token != token_) return;
    if (event.kind == MptcpEvent::Kind::subflow_closed && event.local && event.remote)
        control_.closed(loop_.now(), event.local->address, event.remote->address);
    step();
}

std::vector<SubflowView> PathDriver::subflows(const std::vector<RankedUplink>& uplinks) const
{
    std::vector<SubflowView> views;
    auto living = mptcp::subflows(fd_);
    if (!living) return views;
    for (auto& subflow : *living) {
        if (subflow.tcp_state != tcp_established) continue;
        subflow.backup = control_.is_backup(subflow.local);
        views.push_back({interface_of(subflow.local.address, uplinks), subflow});
    }
    return views;
}

void PathDriver::step()
{
    if (const auto living = mptcp::subflows(fd_)) {
        tell_changes(*living);
        for (const auto& each : control_.step(loop_.now(), wanted_, *living)) execute(each);
    } else {
        spdlog::debug("subflows unknown reason=\"{}\"", living.error().text());
    }
    wait_for_next();
}

void PathDriver::wait_for_next()
{
    const auto now = loop_.now();
    const auto due = control_.due().value_or(now + longest_pause);
    timer_.once(std::clamp(due - now, shortest_pause, longest_pause));
}

void PathDriver::execute(const PathStep& step)
{
    Status done;
    if (const auto* one = std::get_if<CreateSubflow>(&step))
        done = create(*one);
    else if (const auto* lost = std::get_if<CutSubflow>(&step))
        cut(*lost);
    else if (const auto* flag = std::get_if<SetBackup>(&step))
        done = pm_.set_backup(token_, flag->local, flag->remote, flag->backup);
    if (done) return;

    control_.failed(loop_.now(), step);
    const auto level =
        error_limit_.allows(loop_.now()) ? spdlog::level::warn : spdlog::level::debug;
    spdlog::log(level, "path step failed reason=\"{}\"", done.error().text());
}

Status PathDriver::create(const CreateSubflow& create)
{
    const auto& [interface, index, local, remote, backup] = create.subflow;
    spdlog::debug("creating subflow uplink={} local={} remote={} id={} backup={}", interface,
                  local.text(), remote.text(), create.local_id, backup);
    return pm_.create_subflow({.token = token_,
                               .local_id = create.local_id,
                               .local = local,
                               .interface_index = index,
                               .remote = remote,
                               .backup = backup});
}

void PathDriver::cut(const CutSubflow& cut)
{
    // REMOVE first: DESTROY takes the address from the kernel's list, and REMOVE then fails.
    const auto removed = pm_.remove_address(token_, cut.local_id);
    const auto destroyed = pm_.destroy_subflow(token_, cut.local, cut.remote);
    for (Known& known : known_)
        if (known.local == cut.local && known.remote == cut.remote) known.cut = true;
    for (const Status* status : {&removed, &destroyed})
        if (!*status && !means_gone(status->error()))
            spdlog::debug("cut incomplete reason=\"{}\"", status->error().text());
}

void PathDriver::tell_changes(const std::vector<mptcp::Subflow>& living)
{
    std::erase_if(known_, [&](const Known& known) {
        const bool lives = std::ranges::any_of(living, [&](const auto& subflow) {
            return subflow.tcp_state == tcp_established &&
                   same_flow(subflow, known.local, known.remote);
        });
        if (!lives)
            spdlog::info("subflow {} uplink={} local={}", known.cut ? "cut" : "lost",
                         known.interface, known.local.text());
        return !lives;
    });
    for (const auto& subflow : living) {
        const bool old = std::ranges::any_of(known_, [&](const Known& known) {
            return same_flow(subflow, known.local, known.remote);
        });
        if (old || subflow.tcp_state != tcp_established) continue;
        const auto plan = std::ranges::find(wanted_, subflow.local.address, &WantedSubflow::local);
        const auto interface = plan == wanted_.end() ? std::string{} : plan->interface;
        known_.push_back({interface, subflow.local, subflow.remote});
        spdlog::info("subflow created uplink={} local={} remote={}", interface,
                     subflow.local.text(), subflow.remote.text());
    }
}

} // namespace braid
