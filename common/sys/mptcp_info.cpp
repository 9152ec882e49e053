#include "common/sys/mptcp_info.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/mptcp.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace braid::mptcp {
namespace {

constexpr int sol_mptcp = 284;      ///< SOL_MPTCP, not in every libc
constexpr int option_full_info = 4; ///< MPTCP_FULL_INFO, not in every linux/mptcp.h

/// SYN_SENT, SYN_RECV or ESTABLISHED. A subflow that was destroyed can stay for long: in FIN_WAIT1
/// while its path is dead, and, where it was the first, in CLOSE as long as the connection.
bool lives(const tcp_info& info) noexcept
{
    return info.tcpi_state >= 1 && info.tcpi_state <= 3;
}

// The structures of include/uapi/linux/mptcp.h that old headers lack.
struct SubflowAddresses {
    sockaddr_storage local;
    sockaddr_storage remote;
};
static_assert(sizeof(SubflowAddresses) == sizeof(mptcp_subflow_addrs));

struct SubflowInfo {
    std::uint32_t id;
    alignas(8) SubflowAddresses addresses;
};
static_assert(sizeof(SubflowInfo) == 264 && offsetof(SubflowInfo, addresses) == 8);

/// Without the mptcp_info at its end, which the kernel leaves out when the length says so.
struct FullInfo {
    std::uint32_t size_tcpinfo_kernel;
    std::uint32_t size_tcpinfo_user;
    std::uint32_t size_sfinfo_kernel;
    std::uint32_t size_sfinfo_user;
    std::uint32_t num_subflows;
    std::uint32_t size_arrays_user;
    std::uint64_t subflow_info; ///< address of an array
    std::uint64_t tcp_info;     ///< address of an array
};
static_assert(sizeof(FullInfo) == 40);

using TcpInfos = std::array<tcp_info, most_subflows>;

/// What MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS take: a head, then an element for each subflow.
template <typename Element>
struct SubflowTable {
    mptcp_subflow_data head{.size_subflow_data = sizeof(mptcp_subflow_data),
                            .num_subflows = 0,
                            .size_kernel = 0,
                            .size_user = sizeof(Element)};
    std::array<Element, most_subflows> rows{};

    [[nodiscard]] std::size_t size() const noexcept
    {
        return std::min<std::size_t>(head.num_subflows, most_subflows);
    }
};

template <typename T>
Status get_option(int fd, int level, int option, T& value, std::string_view attempt)
{
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, option, &value, &size) < 0) return fail_errno(attempt, "");
    return {};
}

std::uint64_t address_of(const void* object) noexcept
{
    return reinterpret_cast<std::uintptr_t>(object);
}

Endpoint endpoint_or_any(const sockaddr_storage& from)
{
    return Endpoint::from_sockaddr(from).value_or(Endpoint{});
}

Subflow make_subflow(const tcp_info& info, const SubflowAddresses& addresses)
{
    return {.local = endpoint_or_any(addresses.local),
            .remote = endpoint_or_any(addresses.remote),
            .tcp_state = info.tcpi_state,
            .rtt_us = info.tcpi_rtt,
            .unacked = info.tcpi_unacked,
            .notsent_bytes = info.tcpi_notsent_bytes,
            .delivered = info.tcpi_delivered,
            .bytes_acked = info.tcpi_bytes_acked,
            .bytes_received = info.tcpi_bytes_received,
            .bytes_sent = info.tcpi_bytes_sent,
            .bytes_retransmitted = info.tcpi_bytes_retrans,
            .peer_window = info.tcpi_snd_wnd};
}

Result<std::size_t> queue_unsent(int fd)
{
    int bytes = 0;
    if (::ioctl(fd, SIOCOUTQNSD, &bytes) < 0) return fail_errno("SIOCOUTQNSD", "");
    return static_cast<std::size_t>(std::max(bytes, 0));
}

} // namespace

Result<std::vector<Subflow>> subflows_by_full_info(int fd)
{
    std::array<SubflowInfo, most_subflows> names{};
    TcpInfos infos{};
    FullInfo request{.size_tcpinfo_kernel = 0,
                     .size_tcpinfo_user = sizeof(tcp_info),
                     .size_sfinfo_kernel = 0,
                     .size_sfinfo_user = sizeof(SubflowInfo),
                     .num_subflows = 0,
                     .size_arrays_user = most_subflows,
                     .subflow_info = address_of(names.data()),
                     .tcp_info = address_of(infos.data())};
    if (auto got = get_option(fd, sol_mptcp, option_full_info, request, "MPTCP_FULL_INFO"); !got)
        return fail(got.error());

    std::vector<Subflow> found;
    for (std::size_t i = 0; i < std::min<std::size_t>(request.num_subflows, most_subflows); ++i) {
        if (lives(infos[i])) found.push_back(make_subflow(infos[i], names[i].addresses));
    }
    return found;
}

Result<std::vector<Subflow>> subflows_by_two_calls(int fd)
{
    SubflowTable<tcp_info> infos;
    SubflowTable<SubflowAddresses> names;
    if (auto got = get_option(fd, sol_mptcp, MPTCP_TCPINFO, infos, "MPTCP_TCPINFO"); !got)
        return fail(got.error());
    if (auto got = get_option(fd, sol_mptcp, MPTCP_SUBFLOW_ADDRS, names, "MPTCP_SUBFLOW_ADDRS");
        !got)
        return fail(got.error());
    if (infos.size() != names.size())
        return fail(std::errc::resource_unavailable_try_again, "the subflows changed meanwhile");

    std::vector<Subflow> found;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (lives(infos.rows[i])) found.push_back(make_subflow(infos.rows[i], names.rows[i]));
    }
    return found;
}

Result<std::vector<Subflow>> subflows_of_tcp(int fd)
{
    tcp_info info{};
    if (auto got = get_option(fd, IPPROTO_TCP, TCP_INFO, info, "TCP_INFO"); !got)
        return fail(got.error());
    if (!lives(info)) return std::vector<Subflow>{};

    SubflowAddresses names{};
    socklen_t size = sizeof names.local;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&names.local), &size) < 0)
        return fail_errno("getsockname", "");
    size = sizeof names.remote;
    // A connection that has just ended has no peer name any more.
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&names.remote), &size) < 0 &&
        errno != ENOTCONN)
        return fail_errno("getpeername", "");
    return std::vector{make_subflow(info, names)};
}

Result<std::vector<Subflow>> subflows(int fd)
{
    auto found = subflows_by_full_info(fd);
    if (!found) found = subflows_by_two_calls(fd);
    if (!found && found.error().code == std::errc::resource_unavailable_try_again)
        found = subflows_by_two_calls(fd);
    if (!found) found = subflows_of_tcp(fd);
    return found;
}

std::uint32_t peer_window(const std::vector<Subflow>& living)
{
    std::uint32_t widest = 0;
    for (const Subflow& each : living) widest = std::max(widest, each.peer_window);
    return widest;
}

Result<Unsent> unsent(int fd)
{
    Unsent sum;
    SubflowTable<tcp_info> infos;
    socklen_t size = sizeof infos;
    if (::getsockopt(fd, sol_mptcp, MPTCP_TCPINFO, &infos, &size) == 0) {
        for (std::size_t i = 0; i < infos.size(); ++i) {
            if (!lives(infos.rows[i])) continue;
            sum.bytes += infos.rows[i].tcpi_notsent_bytes;
            if (infos.rows[i].tcpi_unacked > 0)
                sum.least_of_busy =
                    std::min<std::size_t>(sum.least_of_busy, infos.rows[i].tcpi_notsent_bytes);
            ++sum.subflows;
        }
    } else {
        sum.subflows = 1;
    }
    // Of plain TCP this is all; of MPTCP what no subflow has got yet.
    const auto queued = queue_unsent(fd);
    if (!queued) return fail(queued.error());
    sum.bytes += *queued;
    return sum;
}

Result<DataProgress> data_progress(int fd)
{
    // Unsent first: what is sent between the two calls then counts as out, not as less than none.
    const auto unsent = queue_unsent(fd);
    if (!unsent) return fail(unsent.error());
    mptcp_info info{};
    if (auto got = get_option(fd, sol_mptcp, MPTCP_INFO, info, "MPTCP_INFO"); !got)
        return fail(got.error());
    const std::uint64_t owed = info.mptcpi_write_seq - info.mptcpi_snd_una;
    return DataProgress{info.mptcpi_snd_una, owed - std::min<std::uint64_t>(owed, *unsent)};
}

} // namespace braid::mptcp
