#include "common/sys/udp.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <sys/socket.h>
#include <sys/uio.h>

namespace braid::udp {
namespace {

/// Room for one control message. IPV6_PKTINFO serves IPv4 too on an AF_INET6 socket, with the
/// address v4-mapped (net/ipv6/datagram.c ip6_datagram_recv_common_ctl, net/ipv4/ip_sockglue.c
/// ip_cmsg_send).
struct Control {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo))> bytes{};
};

/// The header with which the kernel takes and gives one datagram; borrows all it is given.
msghdr message_header(sockaddr_in6& remote, iovec& payload, Control& control)
{
    msghdr header{};
    header.msg_name = &remote;
    header.msg_namelen = sizeof remote;
    header.msg_iov = &payload;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    return header;
}

Status set_int(int fd, int option, int value, std::string_view name)
{
    if (::setsockopt(fd, IPPROTO_IPV6, option, &value, sizeof value) < 0)
        return fail_errno("set", name);
    return {};
}

/// A socket for both IP families, whatever net.ipv6.bindv6only says.
Result<Fd> open_socket()
{
    Fd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)};
    if (!fd) return fail_errno("open", "IPv6 datagram socket");
    if (auto set = set_int(fd.get(), IPV6_V6ONLY, 0, "IPV6_V6ONLY"); !set) return fail(set.error());
    return fd;
}

Status bind_to(int fd, const Endpoint& local)
{
    const sockaddr_storage address = local.mapped_sockaddr();
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in6)) < 0)
        return fail_errno("bind", local.text());
    return {};
}

} // namespace

Result<Fd> connect(const std::string& interface, const Address& local, const Endpoint& remote)
{
    const std::string attempt = "UDP to " + remote.text() + " via " + interface;
    auto fd = open_socket();
    if (!fd) return fail(fd.error(), attempt);
    // Before bind(2) and connect(2): it is the scope of link-local addresses too.
    if (::setsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                     static_cast<socklen_t>(interface.size())) < 0)
        return fail_errno(attempt, "");
    if (auto bound = bind_to(fd->get(), {local, 0}); !bound) return fail(bound.error(), attempt);
    const sockaddr_storage address = remote.mapped_sockaddr();
    if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in6)) < 0)
        return fail_errno(attempt, "");
    return fd;
}

Result<Fd> listen(const Endpoint& local)
{
    const std::string attempt = "listen on " + local.text() + " (UDP)";
    auto fd = open_socket();
    if (!fd) return fail(fd.error(), attempt);
    if (auto set = set_int(fd->get(), IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"); !set)
        return fail(set.error(), attempt);
    if (auto bound = bind_to(fd->get(), local); !bound) return fail(bound.error(), attempt);
    return fd;
}

Result<std::optional<Datagram>> receive(int listener, MutBytes room)
{
    Datagram datagram;
    Control control;
    iovec payload{.iov_base = room.data(), .iov_len = room.size()};
    msghdr header = message_header(datagram.passage.remote, payload, control);
    const ssize_t size = ::recvmsg(listener, &header, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<Datagram>{};
    if (size < 0) return fail_errno("receive", "datagram");
    datagram.payload = room.first(static_cast<std::size_t>(size));
    for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
         each = CMSG_NXTHDR(&header, each)) {
        if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO)
            std::memcpy(&datagram.passage.local, CMSG_DATA(each), sizeof(in6_pktinfo));
    }
    return std::optional{datagram};
}

Status reply(int listener, const Passage& passage, Bytes payload)
{
    sockaddr_in6 remote = passage.remote;
    in6_pktinfo local = passage.local;
    // The index would pin the way out too; only link-local addresses mean nothing without it.
    if (!IN6_IS_ADDR_LINKLOCAL(&local.ipi6_addr)) local.ipi6_ifindex = 0;
    Control control;
    // sendmsg(2) only reads, but iovec is the same for both ways.
    iovec vector{.iov_base = const_cast<std::byte*>(payload.data()), .iov_len = payload.size()};
    msghdr header = message_header(remote, vector, control);
    cmsghdr* const info = CMSG_FIRSTHDR(&header);
    info->cmsg_level = IPPROTO_IPV6;
    info->cmsg_type = IPV6_PKTINFO;
    info->cmsg_len = CMSG_LEN(sizeof local);
    std::memcpy(CMSG_DATA(info), &local, sizeof local);
    if (::sendmsg(listener, &header, MSG_NOSIGNAL) < 0) return fail_errno("send", "datagram");
    return {};
}

} // namespace braid::udp
