#include "common/session/lane_socket.hpp"

#include "common/sys/mptcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

namespace braid {
namespace {

/// Set on every lane, not inherited: bbr, the default of some hosts, is erratic over several
/// subflows and needs pacing timers that a fast link starves (decision 0002).
constexpr auto congestion_control = "cubic";

/// Of the connection, in bytes. The gate bounds what waits, not this buffer: left to grow by itself
/// it stays too small once a subflow has died full, and then every subflow carries one burst of
/// 64 KiB a round trip (28 of 74 Mbit/s for good, measured; decision 0002).
constexpr int send_buffer = 4 << 20;

void set_send_buffer(int fd)
{
    // FORCE goes beyond net.core.wmem_max and needs CAP_NET_ADMIN, which the daemons have.
    if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer) == 0) return;
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}

/// Keeps the state of NAT routers on subflows that stand idle, and ends those whose path is dead:
/// after 40 s, which data or probes tell sooner.
void set_keep_alive(int fd)
{
    struct Option {
        int level, name, value;
    };
    // A kernel before Linux 6.9 does not take all of them for MPTCP: then its defaults stand.
    for (const auto& [level, name, value] :
         {Option{IPPROTO_TCP, TCP_KEEPIDLE, 25}, Option{IPPROTO_TCP, TCP_KEEPINTVL, 5},
          Option{IPPROTO_TCP, TCP_KEEPCNT, 3}, Option{SOL_SOCKET, SO_KEEPALIVE, 1}})
        (void)::setsockopt(fd, level, name, &value, sizeof value);
}

} // namespace

void lane_socket::prepare(int fd)
{
    // Only TCP and MPTCP know congestion control; nothing else needs the buffer either.
    if (const auto set = mptcp::set_congestion_control(fd, congestion_control))
        set_send_buffer(fd);
    else
        spdlog::debug("congestion control not set reason=\"{}\"", set.error().text());
    set_keep_alive(fd);
}

void lane_socket::wake_for(int fd, std::size_t bytes)
{
    const int size = narrow<int>(bytes);
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &size, sizeof size);
}

void lane_socket::bound_window(int fd, std::size_t bytes)
{
    // The kernel doubles it for its own bookkeeping.
    const int size = narrow<int>(bytes);
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return;
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

} // namespace braid
