#include "server/server.hpp"

#include <algorithm>
#include <chrono>
#include <spdlog/spdlog.h>
#include <string_view>
#include <system_error>
#include <utility>

namespace braid {
namespace {

constexpr auto accept_rest = 100ms;
constexpr auto expiry_period = 10min;
/// Then the descriptors of the sessions get their turn again.
constexpr int accepts_per_turn = 16;

constexpr std::string_view refused_event = "refused";

/// What the log calls a visit that ended so.
std::string_view event_of(const Error& reason)
{
    if (reason.code == std::errc::connection_aborted) return "unconfirmed";
    if (reason.code == Reception::busy) return "put off";
    return refused_event;
}

HandshakeRate::Key random_key()
{
    HandshakeRate::Key key;
    fill_random(key);
    return key;
}

} // namespace

Server::Server(Loop& loop, const ServerConfig& config, const Identity& identity,
               RecordCrypto crypto, Tun& tun)
    : loop_(loop),
      config_(config),
      identity_(identity),
      crypto_(crypto),
      table_(config.peers),
      handshake_rate_({.per_source = config.limits.handshakes_per_second_per_source,
                       .total = config.limits.handshakes_per_second},
                      random_key()),
      tun_(loop, tun, pool_, *this),
      echo_(loop),
      lane_watch_(loop, static_cast<LaneWatch::Listener&>(*this)),
      accept_timer_(loop,
                    [this] {
                        for (Listening& each : listening_) each.watch.want({.readable = true});
                    }),
      expiry_timer_(loop, [this] { joins_.expire(loop_.now()); })
{
    for (const PeerConfig& peer : config.peers) {
        by_key_.emplace(peer.public_key.text(), peers_.size());
        peers_.emplace_back().config = &peer;
    }
}

Status Server::open()
{
    for (const Endpoint& endpoint : config_.listen) {
        auto fd = mptcp::listen(endpoint);
        if (!fd) return fail(fd.error());
        const int raw = fd->get();
        listening_.push_back(
            {std::move(*fd), FdWatch{loop_, raw, [this, raw](Interest) { accept_all(raw); }}});
        listening_.back().watch.want({.readable = true});
        if (auto answers = echo_.listen(endpoint); !answers) return answers;
        spdlog::info("listening address={} mptcp={}", endpoint.text(), mptcp::available());
    }
    if (const auto opened = lane_watch_.open(); !opened)
        spdlog::warn("silent subflows are not cut reason=\"{}\"", opened.error().text());
    tun_.start();
    expiry_timer_.every(expiry_period);
    return {};
}

void Server::close()
{
    for (Peer& peer : peers_) {
        if (peer.session) peer.session->close(CloseReason::stopping);
    }
}

void Server::accept_all(int listener)
{
    for (int i = 0; i < accepts_per_turn; ++i) {
        auto accepted = mptcp::accept(listener);
        if (!accepted) return rest_from_accepting(accepted.error());
        if (!*accepted) return;
        admit(std::move(**accepted));
    }
}

void Server::rest_from_accepting(const Error& reason)
{
    if (refusal_log_.allows(loop_.now()))
        spdlog::warn("accept failed reason=\"{}\"", reason.text());
    for (Listening& each : listening_) each.watch.want({});
    accept_timer_.once(accept_rest);
}

void Server::admit(mptcp::Accepted accepted)
{
    make_room_for(accepted.remote.address);
    visitors_.push_back(std::make_unique<Visitor>(loop_, std::move(accepted.fd), accepted.remote,
                                                  identity_.own,
                                                  static_cast<Visitor::Listener&>(*this)));
}

void Server::make_room_for(const Address& newcomer)
{
    std::vector<VisitorLimit::Visit> present;
    present.reserve(visitors_.size());
    for (const auto& visitor : visitors_)
        present.push_back(
            {VisitorLimit::source_of(visitor->remote().address), visitor->keys_known()});
    const VisitorLimit limit{{.in_all = config_.limits.unauthenticated,
                              .per_source = config_.limits.unauthenticated_per_source}};
    const auto evicted = limit.evicted_for(VisitorLimit::source_of(newcomer), present);
    if (!evicted) return;
    ++counters_.turned_away;
    Visitor& visitor = *visitors_[*evicted];
    if (refusal_log_.allows(loop_.now()))
        spdlog::warn("turned away remote={} reason=\"too many connections without a session\"",
                     visitor.remote().text());
    forget(visitor);
}

bool Server::allows_handshake(const Visitor& visitor)
{
    const auto source = VisitorLimit::source_of(visitor.remote().address);
    if (handshake_rate_.allows(source, loop_.now())) return true;
    ++counters_.deferred;
    return false;
}

const PresharedKey* Server::find_client(const PublicKey& key)
{
    const auto found = by_key_.find(key.text());
    return found == by_key_.end() ? nullptr : &identity_.psks[found->second];
}

Result<JoinedLane> Server::join(Bytes unit, MutBytes out)
{
    return joins_.join(unit, out, loop_.now());
}

void Server::on_admission(Visitor& visitor, Admission admission, Fd fd, Bytes received)
{
    Arrival arrival{
        std::move(fd), visitor.remote(),
        Lane::Keys{std::move(admission.sealer), std::move(admission.opener), crypto_.workers},
        std::move(admission.probe), received};
    if (auto* who = std::get_if<NewSession>(&admission.who))
        begin_session(std::move(*who), std::move(arrival));
    else
        resume_session(std::get<FurtherLane>(admission.who), std::move(arrival));
    forget(visitor);
}

void Server::begin_session(NewSession who, Arrival arrival)
{
    const std::size_t position = by_key_.at(who.client.text());
    Peer& peer = peers_[position];
    if (peer.session) {
        peer.session->close(CloseReason::replaced);
        end_session(peer);
    }
    joins_.open(position, std::move(who.session), loop_.now());
    peer.session =
        std::make_unique<Session>(loop_, static_cast<Session::Listener&>(*this), position);
    open_lane(peer, std::move(arrival));
    peer.handshake_at = loop_.now();
    peer.software = who.hello.software;
    peer.session->send_message(tunnel_config(*peer.config));
    if (peer.log.allows(loop_.now()))
        spdlog::info("session up peer={} remote={} mptcp={}", peer.config->name,
                     peer.remote->text(), mptcp::is_mptcp(peer.lane()->fd()));
}

void Server::resume_session(const FurtherLane& who, Arrival arrival)
{
    // Between the join and its confirmation another handshake may have replaced the session.
    if (!joins_.holds(who.peer, who.session)) return;
    Peer& peer = peers_[who.peer];
    open_lane(peer, std::move(arrival));
    peer.session->send(); // what has waited
    if (peer.log.allows(loop_.now()))
        spdlog::info("session resumed peer={} remote={} mptcp={}", peer.config->name,
                     peer.remote->text(), mptcp::is_mptcp(peer.lane()->fd()));
}

void Server::open_lane(Peer& peer, Arrival arrival)
{
    peer.session->open_lane(std::move(arrival.fd), std::move(arrival.keys), arrival.received);
    peer.remote = arrival.remote;
    echo_.open_lane(peer.session->tag(), std::move(arrival.probe));
    lane_watch_.lane_changed(peer.session->tag());
}

TunnelConfig Server::tunnel_config(const PeerConfig& peer) const
{
    TunnelConfig tunnel;
    tunnel.addresses = addresses_for(peer, config_.tun.addresses);
    tunnel.mtu = config_.tun.mtu;
    tunnel.software = "braid " BRAID_VERSION;
    for (const Prefix& own : config_.tun.addresses) tunnel.server_addresses.push_back(own.address);
    return tunnel;
}

void Server::on_visit_end(Visitor& visitor, const Error& reason)
{
    const auto event = event_of(reason);
    if (event == refused_event) ++counters_.refused;
    if (refusal_log_.allows(loop_.now()))
        spdlog::warn("{} remote={} reason=\"{}\"", event, visitor.remote().text(), reason.text());
    forget(visitor);
}

void Server::forget(Visitor& visitor)
{
    std::erase_if(visitors_, [&](const auto& each) { return each.get() == &visitor; });
}

Status Server::on_packet(Session& session, const Offload& offload, Bytes packet)
{
    const auto info = parse_packet(packet);
    if (!info) {
        tun_.count_refused(info.error());
        return {};
    }
    if (!table_.may_send(session.tag(), info->source)) {
        ++peers_[session.tag()].spoofed;
        return {};
    }
    tun_.deliver(offload, *info, packet, config_.tun.mtu);
    return {};
}

Status Server::on_message(Session&, const Message&)
{
    return fail(std::errc::protocol_error, "a message that only servers send, or a second hello");
}

void Server::on_lanes_lost(Session& session, const Error& reason)
{
    Peer& peer = peers_[session.tag()];
    if (peer.log.allows(loop_.now()))
        spdlog::info("session waits peer={} reason=\"{}\"", peer.config->name, reason.text());
    peer.remote.reset();
    echo_.close_lane(session.tag());
    lane_watch_.lane_changed(session.tag());
}

void Server::on_session_end(Session& session, const Error& reason)
{
    Peer& peer = peers_[session.tag()];
    if (peer.log.allows(loop_.now()))
        spdlog::info("session down peer={} reason=\"{}\"", peer.config->name, reason.text());
    end_session(peer);
}

void Server::end_session(Peer& peer)
{
    const auto carried = peer.session->counters();
    peer.tx_bytes += carried.bytes_sent;
    peer.rx_bytes += carried.bytes_received;
    peer.queue_full += peer.session->queue().dropped();
    joins_.close(peer.session->tag());
    echo_.close_lane(peer.session->tag());
    lane_watch_.lane_changed(peer.session->tag());
    peer.session.reset();
    peer.remote.reset();
}

void Server::on_tun_packet(QueuedPacket packet, const PacketInfo& info)
{
    const auto owner = table_.owner(info.destination);
    if (!owner || !peers_[*owner].lane()) {
        ++counters_.unrouted;
        return;
    }
    // What one peer sends to another is one flow there, whatever it is made of: a flood of flows
    // must not crowd out what comes from elsewhere.
    if (const auto sender = table_.owner(info.source)) packet.flow = *sender;
    Peer& peer = peers_[*owner];
    peer.session->enqueue(std::move(packet));
    if (!std::exchange(peer.touched, true)) touched_.push_back(*owner);
}

void Server::on_tun_drained()
{
    // Nothing of it calls back, so nobody is touched meanwhile; the room stays for the next turn.
    for (const std::size_t position : touched_) {
        peers_[position].touched = false;
        if (!peers_[position].session) continue;
        peers_[position].session->send();
        lane_watch_.wake(position);
    }
    touched_.clear();
}

void Server::on_subflow_cut(std::size_t position, const LaneWatch::SubflowCut& cut)
{
    Peer& peer = peers_[position];
    if (cut.address_id) peer.session->send_message(SubflowLost{*cut.address_id});
    if (peer.log.allows(loop_.now()))
        spdlog::info("event=subflow_cut peer={} remote={} reason=silent_loss silent_ms={}",
                     peer.config->name, cut.remote.text(),
                     std::chrono::duration_cast<std::chrono::milliseconds>(cut.silent).count());
}

void Server::on_pressure_changed(std::size_t position, bool full)
{
    peers_[position].session->send_message(Pressure{full});
}

void Server::on_lane_frozen(std::size_t position)
{
    Peer& peer = peers_[position];
    if (peer.log.allows(loop_.now())) spdlog::warn("event=lane_frozen peer={}", peer.config->name);
    peer.session->drop_lanes(); // the client comes with another at once
    on_lanes_lost(*peer.session, {std::make_error_code(std::errc::timed_out),
                                  "the connection stands still although its subflows are well",
                                  {}});
}

void Server::on_tun_lost(const Error& reason)
{
    spdlog::error("ending reason=\"{}\"", reason.text());
    exit_code_ = ExitCode::failure;
    loop_.stop();
}

} // namespace braid
