#include "common/sys/sock_diag.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

/// ESTABLISHED, SYN_SENT, SYN_RECV: what mptcp::subflows() tells of too. And what stands between
/// them and the end, since it still holds unsent data: FIN_WAIT1, CLOSE_WAIT.
constexpr std::uint32_t states_asked = 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 | 1U << 8;

Endpoint end_of(int family, const __be32 (&words)[4], __be16 port)
{
    const Bytes bytes = std::as_bytes(std::span{words});
    return {Address::from_bytes(family == AF_INET ? bytes.first(4) : bytes), ntohs(port)};
}

std::optional<SockDiag::AddressIds> address_ids_of(Bytes ulp)
{
    std::optional<std::uint8_t> local;
    std::optional<std::uint8_t> remote;
    for_each_attribute(ulp, [&](const NetlinkAttribute& of_ulp) {
        if (of_ulp.type != INET_ULP_INFO_MPTCP) return;
        for_each_attribute(of_ulp.value, [&](const NetlinkAttribute& attribute) {
            if (attribute.type == MPTCP_SUBFLOW_ATTR_ID_LOC) local = attribute.as<std::uint8_t>();
            if (attribute.type == MPTCP_SUBFLOW_ATTR_ID_REM) remote = attribute.as<std::uint8_t>();
        });
    });
    if (!local || !remote) return std::nullopt;
    return SockDiag::AddressIds{*local, *remote};
}

NetlinkRequest make_request(std::uint16_t type, std::uint16_t flags, int family,
                            const inet_diag_sockid& id)
{
    NetlinkRequest request{type, flags};
    auto& header = request.header<inet_diag_req_v2>();
    header.sdiag_family = narrow<std::uint8_t>(family);
    header.sdiag_protocol = IPPROTO_TCP;
    // What a subflow is comes only with this (net/ipv4/inet_diag.c inet_sk_diag_fill).
    header.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    header.idiag_states = states_asked;
    header.id = id;
    return request;
}

std::string name_of(const Endpoint& local, const Endpoint& remote)
{
    return "TCP socket " + local.text() + " to " + remote.text();
}

} // namespace

Result<SockDiag> SockDiag::open()
{
    auto netlink = Netlink::open(NETLINK_SOCK_DIAG);
    if (!netlink) return fail(netlink.error(), "sock_diag");
    return SockDiag{std::move(*netlink)};
}

Result<SockDiag::TcpSocket> SockDiag::find(const Endpoint& local, const Endpoint& remote)
{
    // A look-up by all four values would have to name the device that a socket is bound to.
    for (const int family : {AF_INET6, AF_INET}) {
        const auto found = find_in(family, local, remote);
        if (!found) return fail(found.error());
        if (*found) return **found;
        if (remote.address.family() == Family::v6) break;
    }
    return fail(std::errc::no_such_file_or_directory, name_of(local, remote));
}

Result<std::optional<SockDiag::TcpSocket>> SockDiag::find_in(int family, const Endpoint& local,
                                                             const Endpoint& remote)
{
    inet_diag_sockid wanted{};
    wanted.idiag_sport = htons(local.port);
    wanted.idiag_dport = htons(remote.port);
    auto request = make_request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, wanted);
    std::optional<TcpSocket> found;
    const auto done =
        netlink_.request(request, "find " + name_of(local, remote), [&](const nlmsghdr& message) {
            const auto header = netlink_header<inet_diag_msg>(message);
            if (!header || end_of(family, header->id.idiag_src, header->id.idiag_sport) != local ||
                end_of(family, header->id.idiag_dst, header->id.idiag_dport) != remote)
                return;
            found = {.interface_index = static_cast<int>(header->id.idiag_if),
                     .address_ids = std::nullopt,
                     .family = family,
                     .id = header->id};
            for_each_attribute<inet_diag_msg>(message, [&](const NetlinkAttribute& attribute) {
                if (attribute.type == INET_DIAG_ULP_INFO)
                    found->address_ids = address_ids_of(attribute.value);
            });
        });
    if (!done) return fail(done.error());
    return found;
}

Status SockDiag::destroy(const Endpoint& local, const Endpoint& remote)
{
    const auto socket = find(local, remote);
    if (!socket) return fail(socket.error());
    return destroy(*socket);
}

Status SockDiag::destroy(const TcpSocket& socket)
{
    auto request = make_request(SOCK_DESTROY, 0, socket.family, socket.id);
    return netlink_.request(
        request,
        "destroy " + name_of(end_of(socket.family, socket.id.idiag_src, socket.id.idiag_sport),
                             end_of(socket.family, socket.id.idiag_dst, socket.id.idiag_dport)));
}

} // namespace braid
