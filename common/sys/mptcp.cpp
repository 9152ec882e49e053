#include "common/sys/mptcp.hpp"

#include "common/sys/sysctl.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/mptcp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace braid::mptcp {
namespace {

constexpr int sol_mptcp = 284;          ///< SOL_MPTCP, not in every libc
constexpr int protocol_mptcp = 262;     ///< IPPROTO_MPTCP, not in every libc
constexpr int option_tcp_is_mptcp = 43; ///< TCP_IS_MPTCP, not in every linux/tcp.h
constexpr int backlog = 128;

/// The setting that chooses the path manager of new sockets, and how it calls them.
struct PathManagerSysctl {
    std::string_view name;
    std::string_view kernel;
    std::string_view userspace;
};
/// The newer first: only that one can say, and so restore, a path manager of another kind.
constexpr std::array<PathManagerSysctl, 2> path_manager_sysctls{{
    {"net.mptcp.path_manager", "kernel", "userspace"}, // Linux 6.15
    {"net.mptcp.pm_type", "0", "1"},                   // Linux 5.19
}};

/// While it lives, new MPTCP sockets get the wanted path manager; then as before.
class PathManagerLatch {
public:
    /// Errors: of writing the sysctl, with a hint.
    static Result<PathManagerLatch> hold(PathManager wanted)
    {
        for (const PathManagerSysctl& sysctl : path_manager_sysctls) {
            auto before = read_sysctl(sysctl.name);
            if (!before && before.error().code == std::errc::no_such_file_or_directory) continue;
            if (!before) return fail(before.error());
            const auto value = wanted == PathManager::kernel ? sysctl.kernel : sysctl.userspace;
            if (*before == value) return PathManagerLatch{};
            if (auto written = write_sysctl(sysctl.name, value); !written)
                return fail(written.error());
            return PathManagerLatch{sysctl.name, std::move(*before)};
        }
        // No MPTCP, or a kernel that has one path manager only.
        return PathManagerLatch{};
    }

    PathManagerLatch(PathManagerLatch&& other) noexcept
        : name_(std::exchange(other.name_, {})), before_(std::move(other.before_))
    {
    }
    PathManagerLatch& operator=(PathManagerLatch&&) = delete;
    ~PathManagerLatch()
    {
        // What could be written a moment ago can be written back.
        if (!name_.empty()) static_cast<void>(write_sysctl(name_, before_));
    }

private:
    PathManagerLatch() = default;
    PathManagerLatch(std::string_view name, std::string before)
        : name_(name), before_(std::move(before))
    {
    }

    std::string_view name_; ///< empty: nothing to put back
    std::string before_;
};

bool means_no_mptcp(int code)
{
    return code == EPROTONOSUPPORT || code == ENOPROTOOPT || code == EINVAL;
}

/// An AF_INET6 socket, MPTCP where the kernel has it.
Result<Fd> open_socket()
{
    constexpr int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    Fd fd{::socket(AF_INET6, type, protocol_mptcp)};
    if (!fd && means_no_mptcp(errno)) fd.reset(::socket(AF_INET6, type, IPPROTO_TCP));
    if (fd) return fd;
    auto failed = fail_errno("open", "IPv6 stream socket");
    if (failed.value().code == std::errc::address_family_not_supported)
        failed.value().hint = "the kernel's IPv6 must be there, also for IPv4: it may have no "
                              "addresses, but not be off altogether (ipv6.disable=1)";
    return failed;
}

Status set_int(int fd, int level, int option, int value, std::string_view name)
{
    if (::setsockopt(fd, level, option, &value, sizeof value) < 0) return fail_errno("set", name);
    return {};
}

/// A socket for both IP families, whatever net.ipv6.bindv6only says, that sends at once.
Result<Fd> open_dual_stack()
{
    auto fd = open_socket();
    if (!fd) return fd;
    const auto set = set_int(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY").and_then([&] {
        return set_int(fd->get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    });
    if (!set) return fail(set.error());
    return fd;
}

Result<Fd> open_latched(PathManager path_manager)
{
    const auto latch = PathManagerLatch::hold(path_manager);
    if (!latch) return fail(latch.error(), "choose the MPTCP path manager");
    return open_dual_stack();
}

Status bind_to_device(int fd, const std::string& interface)
{
    if (interface.empty()) return {};
    if (::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                     static_cast<socklen_t>(interface.size())) < 0)
        return fail_errno("bind socket to", interface);
    return {};
}

/// Failures of the connection that would have been accepted, not of the listener (accept(2)).
bool concerns_one_connection(int code)
{
    constexpr std::array codes{ECONNABORTED, ENETDOWN,     EPROTO,     ENOPROTOOPT, EHOSTDOWN,
                               ENONET,       EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EINTR};
    return std::ranges::find(codes, code) != codes.end();
}

} // namespace

Result<Fd> connect(const ConnectOptions& options)
{
    const std::string attempt = "connect " + options.remote.text() +
                                (options.interface.empty() ? "" : " via " + options.interface);
    auto fd = open_latched(options.path_manager);
    if (!fd) return fail(fd.error(), attempt);
    if (auto bound = bind_to_device(fd->get(), options.interface); !bound)
        return fail(bound.error(), attempt);
    const sockaddr_storage remote = options.remote.mapped_sockaddr();
    if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&remote), sizeof(sockaddr_in6)) <
            0 &&
        errno != EINPROGRESS)
        return fail_errno(attempt, "");
    return fd;
}

Status connect_result(int fd, std::string_view object)
{
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
        return fail_errno("SO_ERROR", object);
    if (code == 0) return {};
    errno = code;
    return fail_errno("connect", object);
}

Result<Fd> listen(const Endpoint& local)
{
    const std::string attempt = "listen on " + local.text();
    auto fd = open_dual_stack();
    if (!fd) return fail(fd.error(), attempt);
    if (auto set = set_int(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); !set)
        return fail(set.error(), attempt);
    const sockaddr_storage address = local.mapped_sockaddr();
    if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in6)) < 0)
        return fail_errno(attempt, "");
    if (::listen(fd->get(), backlog) < 0) return fail_errno(attempt, "");
    return fd;
}

Result<std::optional<Accepted>> accept(int listener)
{
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd fd{::accept4(listener, reinterpret_cast<sockaddr*>(&from), &size,
                    SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd && (errno == EAGAIN || concerns_one_connection(errno)))
        return std::optional<Accepted>{};
    if (!fd) return fail_errno("accept", "");
    const auto remote = Endpoint::from_sockaddr(from);
    // A peer that has gone already leaves no name, and nothing to talk to.
    if (!remote || !set_int(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"))
        return std::optional<Accepted>{};
    return std::optional{Accepted{std::move(fd), *remote}};
}

bool is_mptcp(int fd)
{
    int yes = 0;
    socklen_t size = sizeof yes;
    if (::getsockopt(fd, IPPROTO_TCP, option_tcp_is_mptcp, &yes, &size) == 0) return yes != 0;
    return token(fd).has_value();
}

Result<std::uint32_t> token(int fd)
{
    mptcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, sol_mptcp, MPTCP_INFO, &info, &size) < 0)
        return fail_errno("MPTCP_INFO", "");
    return info.mptcpi_token;
}

Status set_congestion_control(int fd, const std::string& name)
{
    if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.c_str(),
                     static_cast<socklen_t>(name.size())) == 0)
        return {};
    auto failed = fail_errno("set congestion control", name);
    Error& error = failed.value();
    if (error.code == std::errc::no_such_file_or_directory)
        error.hint = "see sysctl net.ipv4.tcp_available_congestion_control; modprobe tcp_" + name;
    if (error.code == std::errc::operation_not_permitted)
        error.hint = "not in net.ipv4.tcp_allowed_congestion_control, and no CAP_NET_ADMIN";
    return failed;
}

bool available()
{
    return static_cast<bool>(
        Fd{::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol_mptcp)});
}

} // namespace braid::mptcp
