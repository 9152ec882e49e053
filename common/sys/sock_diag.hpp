/// Single TCP sockets of this network namespace, looked up and closed from outside (sock_diag(7)):
/// for the subflows of an MPTCP connection, which have no descriptors.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/netlink.hpp"

#include <cstdint>
#include <linux/inet_diag.h>
#include <optional>
#include <utility>

namespace braid {

class SockDiag {
public:
    /// Errors: of socket(2).
    [[nodiscard]] static Result<SockDiag> open();

    /// RFC 8684 3.4.1: what the ends of an MPTCP connection call their addresses.
    struct AddressIds {
        std::uint8_t local = 0;
        std::uint8_t remote = 0;
        auto operator<=>(const AddressIds&) const noexcept = default;
    };
    struct TcpSocket {
        int interface_index = 0;               ///< of the device that it is bound to; 0: of none
        std::optional<AddressIds> address_ids; ///< of a subflow; none for plain TCP

        int family = 0;        ///< its name towards the kernel
        inet_diag_sockid id{}; ///< the same, with a cookie that no later socket has
    };

    /// The socket that is connecting or connected with these ends, whether IPv4 is v4-mapped there
    /// or not. It goes through all sockets of the namespace: well below a millisecond.
    /// Errors: no_such_file_or_directory, there is none; not_supported, the kernel lacks it.
    [[nodiscard]] Result<TcpSocket> find(const Endpoint& local, const Endpoint& remote);

    /// Ends the socket as if a reset had come, and sends one. An MPTCP connection puts what this
    /// subflow owed on the others at once. Needs CAP_NET_ADMIN. Errors: of find(); EOPNOTSUPP,
    /// the kernel was built without CONFIG_INET_DIAG_DESTROY.
    [[nodiscard]] Status destroy(const Endpoint& local, const Endpoint& remote);
    /// The same for one that was found. Errors: no_such_file_or_directory, it has ended since.
    [[nodiscard]] Status destroy(const TcpSocket& socket);

private:
    explicit SockDiag(Netlink netlink) noexcept : netlink_(std::move(netlink)) {}
    [[nodiscard]] Result<std::optional<TcpSocket>> find_in(int family, const Endpoint& local,
                                                           const Endpoint& remote);

    Netlink netlink_;
};

} // namespace braid
