/// The client daemon: reaches the server over whichever uplink answers first, keeps one subflow
/// per uplink, carries the TUN's packets, and comes back by itself after every loss.
///
///   connecting --handshake--> greeting --tunnel config--> up --lanes lost--> resuming
///   resuming --join--> up
///   resuming --join refused--> connecting     any --server says goodbye--> connecting
///
/// The TUN and its routes stay through all of it: inner connections survive.
#pragma once

#include "client/bond.hpp"
#include "client/config.hpp"
#include "client/connector.hpp"
#include "client/host_setup.hpp"
#include "client/server_addresses.hpp"
#include "client/uplink_monitor.hpp"
#include "client/usage_file.hpp"
#include "common/admin/daemon_control.hpp"
#include "common/admin/program.hpp"
#include "common/base/log.hpp"
#include "common/crypto/aead_makers.hpp"
#include "common/session/record_workers.hpp"
#include "common/session/session.hpp"
#include "common/session/tun_port.hpp"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace braid {

/// Timers: retry_timer_ starts when a race to the server has failed or the lanes were lost,
/// ends with the next race; upgrade_timer_ starts when a lane is found to be plain TCP, ends
/// with the lane, tries again to get MPTCP over the same uplink; poll_timer_ runs every second for
/// the client's life, keeps the bond's books and the source rules.
class Client : private Session::Listener, private TunPort::Listener, private Bond::Listener {
public:
    struct Identity {
        PrivateKey own;
        PresharedKey psk;
    };

    /// What the guard finds of one uplink.
    struct PathView {
        Duration rtt{};  ///< 0: not known
        double loss = 0; ///< of probes
        bool probes_pass = false;
    };

    /// What an outside observer may know, for status.
    struct View {
        const ClientConfig& config;
        AeadMakers makers;
        WorkersView workers;
        std::optional<Cipher> cipher; ///< of the lane
        bool established = false;     ///< the session is up and has a lane
        bool was_up = false;          ///< it has been before
        bool mptcp = false;
        const TunnelConfig& tunnel;
        std::optional<Target> via; ///< of the lane's first subflow
        std::vector<RankedUplink> uplinks;
        std::vector<DataUsage::Usage> usage; ///< of each of them
        std::vector<SubflowView> subflows;
        const TrafficLedger& ledger;
        std::map<std::string, PathView> paths; ///< by interface, where the guard watches
        const UplinkHistory& history;
        TimePoint now{};
        const Session* session = nullptr;
        const TunPort::Counters& tun_counters;
        std::string last_error;
    };

    /// References outlive the client.
    Client(Loop& loop, const ClientConfig& config, const Identity& identity, RecordCrypto crypto,
           HostSetup& host, UsageFile& usage, StartReporter& reporter);

    /// Opens what it needs from the kernel and begins to connect.
    [[nodiscard]] Status open();
    /// Goes on with another config, of which only what can change live is looked at (reload.hpp).
    /// No lane is lost. Errors: the routes are not taken; all is as before then.
    [[nodiscard]] Status reconfigure(ClientConfig next);
    /// Says goodbye to the server; the loop may be stopped afterwards.
    void close();
    [[nodiscard]] View view() const;
    /// How the loop's end is to be reported.
    [[nodiscard]] ExitCode exit_code() const noexcept { return exit_code_; }

private:
    Status on_packet(Session& session, const Offload& offload, Bytes packet) override;
    Status on_message(Session& session, const Message& message) override;
    void on_lanes_lost(Session& session, const Error& reason) override;
    void on_session_end(Session& session, const Error& reason) override;
    void on_tun_packet(QueuedPacket packet, const PacketInfo& info) override;
    void on_tun_drained() override;
    void on_tun_lost(const Error& reason) override;
    void on_lane_useless(const Error& reason) override;
    void on_lane_doubtful() override;
    void on_lane_trusted() override;

    void on_uplinks_changed();
    /// Brings source rules to uplinks and servers.
    void steer();
    void connect();
    void on_names();
    void on_race_end(Result<Connected> outcome);
    [[nodiscard]] Opening make_opening();
    void on_connected(Connected connected);
    /// A way that lost every packet for a while, or one that we have left since, made us fall back
    /// to plain TCP: looks for MPTCP again, while the lane goes on.
    void try_upgrade();
    void upgrade_later();
    /// Of a race while there is a lane.
    void on_further_lane_end(Result<Connected> outcome);
    /// A session has begun, or goes on: its first record on the new lane.
    void greet(std::optional<Resumption> fresh);
    [[nodiscard]] Status on_tunnel_config(const TunnelConfig& tunnel);
    void on_established();
    /// There is no lane any more: forgets what belonged to it.
    void leave_lane();
    /// The next connection begins with a handshake.
    void forget_session();
    [[nodiscard]] bool has_lane() const { return session_ && session_->lane() != nullptr; }
    void retry(const Error& reason);
    void give_up(ExitCode code, const Error& reason);
    void loosen_filters();
    void poll();
    [[nodiscard]] std::vector<RankedUplink> ranked_uplinks() const;

    Loop& loop_;
    ClientConfig config_;
    const Identity& identity_;
    RecordCrypto crypto_;
    HostSetup& host_;
    UsageFile& usage_;
    StartReporter& reporter_;
    PacketPool pool_;
    TunPort tun_;
    ServerAddresses servers_;
    std::unique_ptr<UplinkMonitor> monitor_;
    Bond bond_;
    Connector connector_;
    Backoff backoff_{100ms, 3s};
    Backoff upgrade_backoff_{2s, 10min};
    Timer retry_timer_;
    Timer upgrade_timer_;
    Timer poll_timer_;
    std::optional<Session> session_;
    std::optional<Resumption> resumption_; ///< while the session can be resumed
    std::optional<Target> via_;
    TunnelConfig tunnel_; ///< of the present or the last session
    bool established_ = false;
    TimePoint established_at_{};
    bool was_up_ = false;
    std::string last_error_;
    LogLimit filter_log_{3, 1min};
    LogLimit steer_log_{3, 1min};
    ExitCode exit_code_ = ExitCode::ok;
};

} // namespace braid
