/// A connection over the loopback of the private network namespace, with both of its ends.
#pragma once

#include "common/sys/mptcp.hpp"
#include "tests/unit/sys/private_netns.hpp"

#include <sys/socket.h>
#include <utility>

namespace braid::test {

/// The address that a socket is bound to.
inline Endpoint local_of(int fd)
{
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0);
    return Endpoint::from_sockaddr(storage).value();
}

/// A listener on a free port.
inline std::pair<Fd, Endpoint> listen_on(std::string_view text)
{
    auto listener = mptcp::listen({address(text), 0});
    REQUIRE(listener);
    const Endpoint local{address(text), local_of(listener->get()).port};
    return {std::move(*listener), local};
}

inline void send_byte(int from, int to)
{
    char byte = 'x';
    REQUIRE(::send(from, &byte, 1, MSG_NOSIGNAL) == 1);
    REQUIRE(wait_for(to, POLLIN));
    REQUIRE(::recv(to, &byte, 1, 0) == 1);
}

struct MptcpPair {
    Fd client;
    Fd server;
    Fd listener;     ///< stays: further subflows are accepted by it
    Endpoint remote; ///< of the listener, as the client sees it

    /// Connected, and with data exchanged both ways: only then may subflows be added.
    static MptcpPair connect(std::string_view server_address)
    {
        auto [listener, remote] = listen_on(server_address);
        auto client = mptcp::connect({.interface = "lo", .remote = remote});
        REQUIRE(client);
        REQUIRE(wait_for(client->get(), POLLOUT));
        REQUIRE(mptcp::connect_result(client->get(), remote.text()));
        REQUIRE(wait_for(listener.get(), POLLIN));
        auto accepted = mptcp::accept(listener.get());
        REQUIRE(accepted);
        REQUIRE(accepted->has_value());
        MptcpPair pair{std::move(*client), std::move((*accepted)->fd), std::move(listener), remote};
        send_byte(pair.client.get(), pair.server.get());
        send_byte(pair.server.get(), pair.client.get());
        return pair;
    }
};

} // namespace braid::test
