/// MPTCP sockets (RFC 8684) and what the kernel tells about them.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/sys/fd.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace braid::mptcp {

enum class PathManager { kernel, userspace };

/// What a client's first connection is bound to and how it is made.
struct ConnectOptions {
    std::string interface; ///< SO_BINDTODEVICE; empty binds to none
    Endpoint remote;
    PathManager path_manager = PathManager::userspace;
};

/// A non-blocking AF_INET6 MPTCP socket on its way to `remote` (IPv4 as v4-mapped). The path
/// manager is latched at creation: net.mptcp.path_manager (before Linux 6.15 pm_type) is switched
/// around socket() and put back at once. Where the kernel has no MPTCP, a plain TCP socket.
/// TCP_NODELAY is set. Errors: as of socket(2), connect(2); ENODEV for the interface;
/// EPERM for binding or the sysctl; EROFS for the sysctl.
[[nodiscard]] Result<Fd> connect(const ConnectOptions& options);

/// The outcome of a connect that poll reported writable: SO_ERROR.
[[nodiscard]] Status connect_result(int fd, std::string_view object);

/// A non-blocking dual-stack MPTCP listener (plain TCP where the kernel has no MPTCP).
/// For an IPv4 `local` it accepts IPv4 only through the v4-mapped address. Accepted connections
/// get the path manager that the sysctl names when they come, not when this is called.
[[nodiscard]] Result<Fd> listen(const Endpoint& local);

/// The next waiting connection (non-blocking, TCP_NODELAY) or nullopt when none waits or the next
/// one has failed already (the listener then stays readable if more wait). Errors: EMFILE, ENFILE,
/// ENOBUFS, ENOMEM: the listener stays readable too, so rest before the next try.
struct Accepted {
    Fd fd;
    Endpoint remote;
};
[[nodiscard]] Result<std::optional<Accepted>> accept(int listener);

/// False after a fall-back to plain TCP (TCP_IS_MPTCP, else MPTCP_INFO failing).
[[nodiscard]] bool is_mptcp(int fd);

/// The token that names a connection towards the path manager. Error after fall-back.
[[nodiscard]] Result<std::uint32_t> token(int fd);

/// One TCP flow of a connection at one moment.
struct Subflow {
    Endpoint local;
    Endpoint remote;
    std::uint8_t tcp_state = 0; ///< 1 ESTABLISHED, 2 SYN_SENT, 3 SYN_RECV
    /// Never set by subflows(): no socket option tells it. Whoever calls MptcpPm::set_backup and
    /// hears MptcpEvent knows; the member is for them to fill.
    bool backup = false;
    std::uint32_t rtt_us = 0;
    std::uint32_t unacked = 0; ///< segments in flight
    std::uint32_t notsent_bytes = 0;
    std::uint32_t delivered = 0;   ///< segments acknowledged, selectively too: moves with every ACK
    std::uint64_t bytes_acked = 0; ///< in order
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0; ///< with retransmissions
    std::uint64_t bytes_retransmitted = 0;
    std::uint32_t peer_window = 0; ///< bytes that the peer is ready to take, all subflows together
};

/// The living subflows of a connection, at most 16 (not what was closed and still waits for the
/// peer's answer, nor the ghost that a closed first subflow leaves), by MPTCP_FULL_INFO, else
/// MPTCP_TCPINFO + SUBFLOW_ADDRS (before Linux 6.5), else (plain TCP) one made of TCP_INFO and the
/// socket's names. 1 to 2 us a call.
[[nodiscard]] Result<std::vector<Subflow>> subflows(int fd);
/// The widest window that the peer has told on any of them, bytes; 0 without one.
[[nodiscard]] std::uint32_t peer_window(const std::vector<Subflow>& living);

/// What the kernel holds of a connection and has not put on any wire yet.
struct Unsent {
    std::size_t bytes = 0;    ///< of the connection and of all its subflows
    std::size_t subflows = 0; ///< that live
    /// The least that any subflow holds of those with data in flight (a backup has none, nor has
    /// one that is dead from the start); the greatest value when none has.
    std::size_t least_of_busy = std::numeric_limits<std::size_t>::max();
};
/// Without allocation; 1 to 2 us a call.
[[nodiscard]] Result<Unsent> unsent(int fd);

/// How far an MPTCP connection has come, above its subflows.
struct DataProgress {
    std::uint64_t acked = 0;   ///< data sequence number of the last DATA_ACK (RFC 8684 3.3.2)
    std::uint64_t unacked = 0; ///< bytes that were given to a subflow and have none
};
/// Without allocation; about 1 us a call. Errors: EOPNOTSUPP of plain TCP.
[[nodiscard]] Result<DataProgress> data_progress(int fd);

/// Sets the outer congestion control by name (TCP_CONGESTION), on all subflows, now and later.
[[nodiscard]] Status set_congestion_control(int fd, const std::string& name);

/// True when this kernel can make MPTCP sockets and net.mptcp.enabled is 1.
[[nodiscard]] bool available();

} // namespace braid::mptcp
