#include "server/status.hpp"

#include "common/admin/crypto_choice.hpp"
#include "common/sys/mptcp.hpp"

#include <chrono>
#include <unistd.h>

namespace braid {
namespace {

using nlohmann::json;

/// The remote ends of a session's subflows, as the server sees them.
json endpoints_of(const Server::Peer& peer)
{
    json endpoints = json::array();
    if (peer.lane() == nullptr) return endpoints;
    if (const auto flows = mptcp::subflows(peer.lane()->fd())) {
        for (const mptcp::Subflow& flow : *flows) endpoints.push_back(flow.remote.text());
    }
    return endpoints;
}

json peer_status(const Server::Peer& peer, TimePoint now)
{
    json addresses = json::array();
    for (const Prefix& address : peer.config->addresses) addresses.push_back(address.text());
    const auto carried = peer.session ? peer.session->counters() : Lane::Counters{};
    json last_handshake; // null: never since the start
    if (peer.handshake_at)
        last_handshake =
            std::chrono::duration_cast<std::chrono::seconds>(now - *peer.handshake_at).count();
    return {{"name", peer.config->name},
            {"public_key", peer.config->public_key.text()},
            {"state", peer.lane() ? "up" : "down"},
            {"addresses", std::move(addresses)},
            {"endpoints", endpoints_of(peer)},
            {"mptcp", peer.lane() && mptcp::is_mptcp(peer.lane()->fd())},
            {"cipher", peer.lane() ? json(name(peer.lane()->cipher())) : json()},
            {"software", peer.software},
            {"tx_bytes", peer.tx_bytes + carried.bytes_sent},
            {"rx_bytes", peer.rx_bytes + carried.bytes_received},
            {"spoofed_packets", peer.spoofed},
            {"queue_full_packets",
             peer.queue_full + (peer.session ? peer.session->queue().dropped() : 0)},
            {"last_handshake_s", std::move(last_handshake)}};
}

} // namespace

json server_status(const ServerConfig& config, const Server& server, TimePoint now)
{
    json listen = json::array();
    for (const Endpoint& endpoint : config.listen) listen.push_back(endpoint.text());
    json addresses = json::array();
    for (const Prefix& address : config.tun.addresses) addresses.push_back(address.text());
    json peers = json::array();
    for (const Server::Peer& peer : server.peers()) peers.push_back(peer_status(peer, now));
    const RecordWorkers* const workers = server.crypto().workers;
    return {{"schema", 1},
            {"role", "server"},
            {"version", BRAID_VERSION},
            {"pid", ::getpid()},
            {"state", "up"},
            {"listen", std::move(listen)},
            {"tun", {{"name", config.tun.name}, {"addresses", addresses}, {"mtu", config.tun.mtu}}},
            {"mptcp", mptcp::available()},
            {"crypto", crypto_status(server.crypto().makers)},
            {"workers", workers_status(workers ? workers->view() : WorkersView{})},
            {"peers", std::move(peers)},
            {"refused_connections", server.counters().refused},
            {"turned_away_connections", server.counters().turned_away},
            {"deferred_handshakes", server.counters().deferred},
            {"probes", server.echo_counters().probes},
            {"foreign_probes", server.echo_counters().foreign},
            {"dropped_packets",
             {{"unrouted", server.counters().unrouted},
              {"unreadable", server.tun_counters().unreadable},
              {"refused", server.tun_counters().refused},
              {"undelivered", server.tun_counters().undelivered}}}};
}

} // namespace braid
