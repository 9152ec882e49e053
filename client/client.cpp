#include "client/client.hpp"

#include "client/targets.hpp"
#include "client/uplink_rank.hpp"
#include "common/sys/mptcp.hpp"

#include <algorithm>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

constexpr auto poll_period = 1s;
/// A lane that lived so long was no accident: the wait before the next one begins at its least.
/// Two hosts with the same key, which replace each other, never get there.
constexpr auto lasting = 10s;

/// The server knows us no more, or is not who we think: trying again cannot help. Compares the
/// handshake's own codes, not what errno may say of a socket.
bool is_refusal(const Error& error)
{
    return error.code == std::make_error_code(handshake_fault::unknown_client) ||
           error.code == std::make_error_code(handshake_fault::not_authentic);
}

} // namespace

Client::Client(Loop& loop, const ClientConfig& config, const Identity& identity,
               RecordCrypto crypto, HostSetup& host, UsageFile& usage, StartReporter& reporter)
    : loop_(loop),
      config_(config),
      identity_(identity),
      crypto_(crypto),
      host_(host),
      usage_(usage),
      reporter_(reporter),
      tun_(loop, host.tun(), pool_, *this),
      servers_(loop, config.server.endpoints, [this] { on_names(); }),
      bond_(loop, static_cast<Bond::Listener&>(*this)),
      connector_(
          loop, [this] { return make_opening(); },
          [this](Result<Connected> outcome) { on_race_end(std::move(outcome)); }),
      retry_timer_(loop, [this] { connect(); }),
      upgrade_timer_(loop, [this] { try_upgrade(); }),
      poll_timer_(loop, [this] { poll(); })
{
}

Status Client::open()
{
    auto monitor =
        UplinkMonitor::open(loop_, selection_of(config_), [this] { on_uplinks_changed(); });
    if (!monitor) return fail(monitor.error());
    monitor_ = std::move(*monitor);
    bond_.open();
    bond_.configure(config_.policy, config_.guard);
    bond_.set_uplinks(ranked_uplinks());
    tun_.start();
    poll_timer_.every(poll_period);
    connect();
    return {};
}

void Client::close()
{
    poll();
    connector_.cancel();
    retry_timer_.stop();
    upgrade_timer_.stop();
    if (session_) session_->close(CloseReason::stopping);
}

void Client::connect()
{
    retry_timer_.stop();
    servers_.refresh();
    const auto servers = servers_.endpoints();
    if (servers.empty()) // on_names() goes on from here
        return reporter_.progress("the server's name to resolve", ExitCode::timed_out);
    auto targets = plan_targets(bond_.uplinks(), servers);
    if (targets.empty()) {
        reporter_.progress("an uplink that is up, with an address and a route",
                           ExitCode::no_uplink);
        return retry({std::make_error_code(std::errc::network_unreachable),
                      why_no_target(bond_.uplinks()),
                      {}});
    }
    reporter_.progress("the server to answer", ExitCode::timed_out);
    connector_.race(std::move(targets));
}

void Client::on_names()
{
    if (has_lane() || connector_.racing() || retry_timer_.pending()) return;
    if (!servers_.endpoints().empty()) return connect();
    retry({std::make_error_code(std::errc::host_unreachable), servers_.problem(), {}});
}

Opening Client::make_opening()
{
    if (resumption_) return Opening{ClientJoin{resumption_->lanes.next()}, resumption_->cipher};
    return Opening{ClientHandshake{
        {.own = identity_.own, .server = config_.server.public_key, .psk = identity_.psk}}};
}

void Client::on_race_end(Result<Connected> outcome)
{
    if (has_lane()) return on_further_lane_end(std::move(outcome));
    if (outcome) return on_connected(std::move(*outcome));
    if (outcome.error().code == std::make_error_code(Opening::session_gone)) {
        spdlog::info("the server has no such session any more: handshake");
        forget_session();
        return connect();
    }
    if (is_refusal(outcome.error()) && !was_up_) return give_up(ExitCode::refused, outcome.error());
    retry(outcome.error());
}

void Client::on_connected(Connected connected)
{
    Opened& opened = connected.opened;
    spdlog::info("{} done uplink={} server={} mptcp={} cipher={}",
                 opened.fresh ? "handshake" : "join", connected.target.interface,
                 connected.target.remote.text(), mptcp::is_mptcp(connected.fd.get()),
                 name(opened.cipher));
    via_ = connected.target;
    if (opened.fresh) session_.emplace(loop_, static_cast<Session::Listener&>(*this));
    auto probe_keys = ProbeKeys::of(opened.secrets);
    auto keys = Lane::Keys::of_client(opened.cipher, crypto_.makers.of(opened.cipher),
                                      std::move(opened.secrets));
    keys.workers = crypto_.workers;
    session_->open_lane(std::move(connected.fd), std::move(keys), connected.received);
    bond_.attach(*session_, connected, std::move(probe_keys));
    greet(std::move(opened.fresh));
}

void Client::greet(std::optional<Resumption> fresh)
{
    if (!fresh) {
        session_->send_message(LaneHello{});
        on_established();
        return session_->send(); // what has waited
    }
    resumption_ = std::move(fresh);
    session_->send_message(Hello{.software = "braid " BRAID_VERSION});
}

Status Client::on_packet(Session&, const Offload& offload, Bytes packet)
{
    if (!established_) return {};
    const auto info = parse_packet(packet);
    if (!info) {
        tun_.count_refused(info.error());
        return {};
    }
    tun_.deliver(offload, *info, packet, tunnel_.mtu);
    return {};
}

Status Client::on_message(Session&, const Message& message)
{
    if (const auto* lost = std::get_if<SubflowLost>(&message)) {
        bond_.subflow_lost(lost->address_id);
        return {};
    }
    if (const auto* pressure = std::get_if<Pressure>(&message)) {
        bond_.set_server_pressure(pressure->full);
        return {};
    }
    if (const auto* tunnel = std::get_if<TunnelConfig>(&message)) return on_tunnel_config(*tunnel);
    return fail(std::errc::protocol_error, "a message that only clients send");
}

Status Client::on_tunnel_config(const TunnelConfig& tunnel)
{
    tunnel_ = tunnel;
    if (const auto applied = host_.apply(tunnel); !applied) {
        give_up(ExitCode::failure, applied.error());
        return {};
    }
    on_established();
    reporter_.ready();
    return {};
}

void Client::on_established()
{
    established_ = was_up_ = true;
    established_at_ = loop_.now();
    if (bond_.drives_paths())
        upgrade_backoff_.reset();
    else
        upgrade_later();
    last_error_.clear();
    bond_.set_servers(servers_.endpoints());
    steer(); // before the first subflow that needs it
    bond_.begin();
    on_uplinks_changed();
    spdlog::info("tunnel up tun={} server={}", config_.tun.name, via_->remote.text());
}

void Client::on_lanes_lost(Session&, const Error& reason)
{
    const bool greeted = established_;
    leave_lane();
    if (!greeted) forget_session(); // it has no tunnel config, and a join brings none
    retry(reason);
}

void Client::on_session_end(Session&, const Error& reason)
{
    leave_lane();
    connector_.cancel(); // it may be looking for a further lane
    forget_session();
    retry(reason);
}

void Client::forget_session()
{
    session_.reset();
    resumption_.reset();
}

void Client::leave_lane()
{
    if (established_ && loop_.now() - established_at_ >= lasting) backoff_.reset();
    upgrade_timer_.stop();
    bond_.detach();
    established_ = false;
}

void Client::retry(const Error& reason)
{
    if (last_error_ != reason.text()) spdlog::warn("no session reason=\"{}\"", reason.text());
    last_error_ = reason.text();
    retry_timer_.once(backoff_.next(::randombytes_random()));
}

void Client::give_up(ExitCode code, const Error& reason)
{
    exit_code_ = code;
    reporter_.failed(code, reason);
    loop_.stop();
}

void Client::on_uplinks_changed()
{
    for (const Uplink& uplink : monitor_->uplinks())
        spdlog::debug("uplink={} running={} addresses={}", uplink.interface, uplink.running,
                      uplink.addresses.size());
    loosen_filters();
    steer();
    if (monitor_->take_tun_revival() && established_) {
        spdlog::warn("tun was set down and up by somebody else: routes are set again");
        if (const auto applied = host_.apply(tunnel_); !applied)
            return give_up(ExitCode::failure, applied.error());
    }
    bond_.configure(config_.policy, config_.guard);
    bond_.set_servers(servers_.endpoints());
    bond_.set_uplinks(ranked_uplinks());
    if (has_lane()) return;
    // A new way may have opened: it joins the race under way, or does not sit out the wait.
    if (connector_.racing())
        return connector_.extend(plan_targets(bond_.uplinks(), servers_.endpoints()),
                                 sources_of(bond_.uplinks()));
    backoff_.reset();
    connect();
}

void Client::steer()
{
    std::vector<Uplink> uplinks;
    for (RankedUplink& each : ranked_uplinks())
        if (each.priority != Priority::never) uplinks.push_back(std::move(each.uplink));
    std::vector<Address> servers;
    for (const Endpoint& each : servers_.endpoints()) servers.push_back(each.address);
    if (via_) servers.push_back(via_->remote.address);
    const auto steered = host_.steer(uplinks, servers);
    if (!steered && steer_log_.allows(loop_.now()))
        spdlog::warn("subflows may leave by the wrong uplink reason=\"{}\"",
                     steered.error().text());
}

void Client::on_lane_useless(const Error& reason)
{
    if (!has_lane()) return;
    poll(); // the last figures of its subflows
    session_->drop_lanes();
    on_lanes_lost(*session_, reason);
}

void Client::on_tun_packet(QueuedPacket packet, const PacketInfo&)
{
    // Without a session a packet is dropped: its sender will send it again when it matters.
    if (!established_) return;
    session_->enqueue(std::move(packet));
}

void Client::on_tun_drained()
{
    if (!established_) return;
    if (!session_->queue().empty()) bond_.on_traffic();
    session_->send();
}

void Client::on_tun_lost(const Error& reason)
{
    give_up(ExitCode::failure, reason);
}

void Client::loosen_filters()
{
    const auto loosened = host_.loosen_filters(monitor_->uplinks());
    if (!loosened && filter_log_.allows(loop_.now()))
        spdlog::warn("rp_filter not loosened reason=\"{}\"", loosened.error().text());
}

void Client::poll()
{
    // Others set filters and delete rules, and the kernel drops routes, without a word to us.
    loosen_filters();
    steer();
    if (bond_.poll()) upgrade_later();
    if (!has_lane()) return;
    usage_.count(bond_.ledger(), monitor_->uplinks());
    bond_.set_uplinks(ranked_uplinks()); // a data cap may be reached, or its day over
}

std::vector<RankedUplink> Client::ranked_uplinks() const
{
    std::vector<RankedUplink> ranked;
    if (!monitor_) return ranked;
    for (const Uplink& uplink : monitor_->uplinks()) {
        const auto config = uplink_config(config_.uplinks, uplink.interface);
        const auto cap = usage_.usage(config).cap;
        ranked.push_back({.uplink = uplink,
                          .priority = priority_of(config, cap),
                          .metered = config.metered,
                          .limit_bps = limit_of(config, cap)});
    }
    return ranked;
}

Client::View Client::view() const
{
    View view{.config = config_,
              .makers = crypto_.makers,
              .workers = crypto_.workers ? crypto_.workers->view() : WorkersView{},
              .cipher = has_lane() ? std::optional{session_->lane()->cipher()} : std::nullopt,
              .established = established_,
              .was_up = was_up_,
              .mptcp = has_lane() && mptcp::is_mptcp(session_->lane()->fd()),
              .tunnel = tunnel_,
              .via = via_,
              .uplinks = bond_.uplinks(),
              .usage = usage_.usage(config_.uplinks, bond_.uplinks()),
              .subflows = bond_.subflows(),
              .ledger = bond_.ledger(),
              .paths = {},
              .history = bond_.history(),
              .now = loop_.now(),
              .session = session_ ? &*session_ : nullptr,
              .tun_counters = tun_.counters(),
              .last_error = last_error_};
    for (const RankedUplink& each : view.uplinks) {
        if (const PathHealth* path = bond_.path(each.uplink.interface))
            view.paths[each.uplink.interface] = {path->rtt(), path->loss(), path->probes_pass()};
    }
    return view;
}

} // namespace braid
