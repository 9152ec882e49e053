/// UDP sockets (RFC 768): one bound to a device, and a listener that answers from where it was
/// asked.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"

#include <netinet/in.h>
#include <optional>
#include <string>

namespace braid::udp {

/// A non-blocking AF_INET6 socket (IPv4 as v4-mapped) that sends to `remote` only, from `local`,
/// over the device only, and hears nobody else: for send(2) and recv(2), which also tell of
/// unreachable ports and hosts. Errors: ENODEV, no such interface; EADDRNOTAVAIL, `local` is not
/// this host's (a new IPv6 address is not for its first second or two); ENETUNREACH, no route
/// over the device; those of socket(2).
[[nodiscard]] Result<Fd> connect(const std::string& interface, const Address& local,
                                 const Endpoint& remote);

/// A non-blocking dual-stack socket for receive() and reply(). For an IPv4 `local` it hears IPv4
/// only. Errors: of bind(2), such as EADDRINUSE.
[[nodiscard]] Result<Fd> listen(const Endpoint& local);

/// Whence a datagram came, and to which address of this host, as the kernel names them.
struct Passage {
    sockaddr_in6 remote{};
    in6_pktinfo local{};
};

struct Datagram {
    Bytes payload; ///< borrowed from the room given to receive()
    Passage passage;
};

/// The next waiting datagram of a listener, or nullopt when none waits. What does not fit the room
/// is cut off. Errors: of recvmsg(2).
[[nodiscard]] Result<std::optional<Datagram>> receive(int listener, MutBytes room);

/// Sends back over the passage: from the address to which the datagram was sent, whatever the
/// routes would choose, and for a link-local one out of the interface on which it came.
/// Errors: of sendmsg(2); EAGAIN, the socket's buffer is full.
[[nodiscard]] Status reply(int listener, const Passage& passage, Bytes payload);

} // namespace braid::udp
