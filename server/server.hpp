/// The server daemon: accepts connections, lets peers in that prove their key, and carries
/// packets between one TUN and many sessions.
#pragma once

#include "common/admin/daemon_control.hpp"
#include "common/admin/program.hpp"
#include "common/crypto/aead_makers.hpp"
#include "common/session/record_workers.hpp"
#include "common/session/session.hpp"
#include "common/session/tun_port.hpp"
#include "common/sys/mptcp.hpp"
#include "server/config.hpp"
#include "server/echo.hpp"
#include "server/handshake_rate.hpp"
#include "server/join_table.hpp"
#include "server/lane_watch.hpp"
#include "server/peer_table.hpp"
#include "server/visitor.hpp"
#include "server/visitor_limit.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

namespace braid {

/// Timers: accept_timer_ starts when accept fails, ends the rest of 100 ms from accepting;
/// expiry_timer_ runs every ten minutes for the server's life and wipes what old sessions left.
class Server : private Session::Listener,
               private TunPort::Listener,
               private Visitor::Listener,
               private LaneWatch::Listener {
public:
    struct Identity {
        PrivateKey own;
        std::vector<PresharedKey> psks; ///< one per peer of the config, by position
    };

    /// A configured peer and its present session, which may wait without a lane.
    struct Peer {
        const PeerConfig* config = nullptr;
        std::unique_ptr<Session> session;
        std::optional<Endpoint> remote; ///< of the newest lane's first subflow
        std::optional<TimePoint> handshake_at;
        std::string software;
        std::uint64_t tx_bytes = 0; ///< of ended sessions
        std::uint64_t rx_bytes = 0;
        std::uint64_t queue_full = 0; ///< packets dropped from the queues of ended sessions
        std::uint64_t spoofed = 0;    ///< packets with a source that is not this peer's
        LogLimit log{20, 60s};        ///< of its comings and goings
        bool touched = false;         ///< has packets queued since the TUN was last drained

        /// The lane that packets to this peer take, if there is one.
        [[nodiscard]] const Lane* lane() const { return session ? session->lane() : nullptr; }
    };

    struct Counters {
        std::uint64_t refused = 0;     ///< visits that ended without a session
        std::uint64_t turned_away = 0; ///< visits that ended to make room (VisitorLimit)
        std::uint64_t deferred = 0;    ///< handshakes that came too often (HandshakeRate)
        std::uint64_t unrouted = 0; ///< packets for an inner address of no peer, or none connected
    };

    /// References outlive the server.
    Server(Loop& loop, const ServerConfig& config, const Identity& identity, RecordCrypto crypto,
           Tun& tun);

    /// Listens on every configured endpoint, with TCP and UDP.
    [[nodiscard]] Status open();
    /// Says goodbye to every peer; the loop may be stopped afterwards.
    void close();

    [[nodiscard]] const RecordCrypto& crypto() const noexcept { return crypto_; }
    [[nodiscard]] const std::vector<Peer>& peers() const noexcept { return peers_; }
    /// How the loop's end is to be reported.
    [[nodiscard]] ExitCode exit_code() const noexcept { return exit_code_; }
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
    [[nodiscard]] const Echo::Counters& echo_counters() const noexcept { return echo_.counters(); }
    [[nodiscard]] const TunPort::Counters& tun_counters() const noexcept { return tun_.counters(); }

private:
    struct Listening {
        Fd fd;
        FdWatch watch;
    };

    Status on_packet(Session& session, const Offload& offload, Bytes packet) override;
    Status on_message(Session& session, const Message& message) override;
    void on_lanes_lost(Session& session, const Error& reason) override;
    void on_session_end(Session& session, const Error& reason) override;
    void on_tun_packet(QueuedPacket packet, const PacketInfo& info) override;
    void on_tun_drained() override;
    void on_tun_lost(const Error& reason) override;
    bool allows_handshake(const Visitor& visitor) override;
    const PresharedKey* find_client(const PublicKey& key) override;
    AeadMaker maker_of(Cipher cipher) override { return crypto_.makers.of(cipher); }
    Result<JoinedLane> join(Bytes unit, MutBytes out) override;
    void on_admission(Visitor& visitor, Admission admission, Fd fd, Bytes received) override;
    void on_visit_end(Visitor& visitor, const Error& reason) override;
    const Session* session_of(std::size_t peer) override { return peers_[peer].session.get(); }
    void on_subflow_cut(std::size_t peer, const LaneWatch::SubflowCut& cut) override;
    void on_pressure_changed(std::size_t peer, bool full) override;
    void on_lane_frozen(std::size_t peer) override;

    void accept_all(int listener);
    /// Out of descriptors, most likely: the connection stays in the backlog, so that trying on at
    /// once would spin.
    void rest_from_accepting(const Error& reason);
    void admit(mptcp::Accepted accepted);
    /// Ends the visit, if one has to go, that a connection from `newcomer` takes the place of.
    void make_room_for(const Address& newcomer);
    void forget(Visitor& visitor);
    /// What an admission leads to.
    struct Arrival {
        Fd fd;
        Endpoint remote;
        Lane::Keys keys;
        ProbeKeys probe;
        Bytes received;
    };
    void begin_session(NewSession who, Arrival arrival);
    void resume_session(const FurtherLane& who, Arrival arrival);
    /// The connection becomes the peer's newest lane.
    void open_lane(Peer& peer, Arrival arrival);
    void end_session(Peer& peer);
    [[nodiscard]] TunnelConfig tunnel_config(const PeerConfig& peer) const;

    Loop& loop_;
    const ServerConfig& config_;
    const Identity& identity_;
    RecordCrypto crypto_;
    PeerTable table_;
    JoinTable joins_; ///< of the peers that have a session
    HandshakeRate handshake_rate_;
    std::unordered_map<std::string, std::size_t> by_key_; ///< text of the public key
    std::vector<Peer> peers_; ///< by position in the config, which is their sessions' tag
    std::vector<std::size_t> touched_;
    PacketPool pool_;
    TunPort tun_;
    std::vector<Listening> listening_;
    Echo echo_;
    LaneWatch lane_watch_;
    std::vector<std::unique_ptr<Visitor>> visitors_; ///< oldest first; VisitorLimit bounds them
    Timer accept_timer_;
    Timer expiry_timer_;
    Counters counters_;
    ExitCode exit_code_ = ExitCode::ok;
    LogLimit refusal_log_{10, 10s};
};

} // namespace braid
