#include "server/server.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

constexpr auto accept_rest = 100ms;

} // namespace

Server::Server(Loop& loop, const ServerConfig& config, const Identity& identity, Tun& tun)
    : loop_(loop),
      config_(config),
      identity_(identity),
      table_(config.peers),
      tun_(loop, tun, pool_, *this),
      accept_timer_(loop, [this] {
          for (Listening& each : listening_) each.watch.want({.readable = true});
      })
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
        spdlog::info("listening address={} mptcp={}", endpoint.text(), mptcp::available());
    }
    tun_.start();
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
    while (true) {
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
    const auto find = [this](const PublicKey& key) -> const PresharedKey* {
        const auto found = by_key_.find(key.text());
        return found == by_key_.end() ? nullptr : &identity_.psks[found->second];
    };
    visitors_.push_back(std::make_unique<Visitor>(loop_, std::move(accepted.fd), accepted.remote,
                                                  ServerHandshake{{.own = identity_.own}}, find,
                                                  static_cast<Visitor::Listener&>(*this)));
}

void Server::make_room_for(const Address& newcomer)
{
    std::vector<VisitorLimit::Visit> present;
    present.reserve(visitors_.size());
    for (const auto& visitor : visitors_)
        present.push_back(
            {VisitorLimit::source_of(visitor->remote().address), visitor->hello_verified()});
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

void Server::on_welcome(Visitor& visitor, const PublicKey& client, const Hello& hello)
{
    const std::size_t position = by_key_.at(client.text());
    Peer& peer = peers_[position];
    if (peer.session) {
        peer.session->close(CloseReason::replaced);
        end_session(peer);
    }
    peer.session = std::make_unique<Session>(static_cast<Session::Listener&>(*this), position);
    peer.session->adopt(visitor.take_lane());
    peer.remote = visitor.remote();
    peer.handshake_at = loop_.now();
    peer.software = hello.software;
    forget(visitor);

    peer.session->send_message(tunnel_config(*peer.config));
    spdlog::info("session up peer={} remote={} mptcp={}", peer.config->name, peer.remote->text(),
                 mptcp::is_mptcp(peer.session->lane().fd()));
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
    ++counters_.refused;
    if (refusal_log_.allows(loop_.now()))
        spdlog::warn("refused remote={} reason=\"{}\"", visitor.remote().text(), reason.text());
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

Status Server::on_message(Session&, const Message& message)
{
    if (std::holds_alternative<Close>(message))
        return fail(std::errc::connection_reset, "the client said goodbye");
    return fail(std::errc::protocol_error, "a message that only servers send, or a second hello");
}

void Server::on_session_end(Session& session, const Error& reason)
{
    Peer& peer = peers_[session.tag()];
    spdlog::info("session down peer={} reason=\"{}\"", peer.config->name, reason.text());
    end_session(peer);
}

void Server::end_session(Peer& peer)
{
    peer.tx_bytes += peer.session->lane().counters().bytes_sent;
    peer.rx_bytes += peer.session->lane().counters().bytes_received;
    peer.queue_full += peer.session->queue().dropped();
    peer.session.reset();
    peer.remote.reset();
}

void Server::on_tun_packet(QueuedPacket packet, const PacketInfo& info)
{
    const auto owner = table_.owner(info.destination);
    if (!owner || !peers_[*owner].session) {
        ++counters_.unrouted;
        return;
    }
    Peer& peer = peers_[*owner];
    peer.session->enqueue(std::move(packet));
    if (!std::exchange(peer.touched, true)) touched_.push_back(*owner);
}

void Server::on_tun_drained()
{
    for (const std::size_t position : std::exchange(touched_, {})) {
        peers_[position].touched = false;
        if (peers_[position].session) peers_[position].session->send();
    }
}

void Server::on_tun_lost(const Error& reason)
{
    spdlog::error("ending reason=\"{}\"", reason.text());
    exit_code_ = ExitCode::failure;
    loop_.stop();
}

} // namespace braid
