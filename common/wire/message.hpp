/// Control messages, the payload of message frames. PROTOCOL.md, "Messages":
///
///   type:8  fields
///
/// A later version may append fields to a known type; what is behind the known ones is ignored.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace braid {

constexpr std::size_t max_message_size = 1024;
constexpr std::size_t max_software_size = 64; ///< bytes of the name and version of a program
constexpr std::size_t max_addresses = 16;     ///< of either kind in a TunnelConfig
constexpr std::uint16_t min_mtu = 1280;       ///< the least that IPv6 works with, RFC 8200 5
constexpr std::uint16_t max_mtu = 9000;       ///< the usual jumbo frame

/// Client to server, first record of a session: confirms the keys; the session begins.
struct Hello {
    std::string software; ///< "braid 0.1.0", printable ASCII, for status and logs
    bool operator==(const Hello&) const = default;
};

/// Server to client, answer to Hello: how to set up the TUN.
struct TunnelConfig {
    std::vector<Prefix> addresses;         ///< interface form; at most max_addresses
    std::vector<Address> server_addresses; ///< the server's own inner ones; at most max_addresses
    std::uint16_t mtu = 1500;              ///< min_mtu..max_mtu
    std::string software;
    bool operator==(const TunnelConfig&) const = default;
};

/// Either way: answered by Pong with the same number.
struct Ping {
    std::uint64_t number = 0;
    bool operator==(const Ping&) const = default;
};
struct Pong {
    std::uint64_t number = 0;
    bool operator==(const Pong&) const = default;
};

enum class CloseReason : std::uint8_t {
    stopping = 1, ///< the program stops on purpose; a client comes back by itself
    replaced = 2, ///< a newer session of the same key has taken over
    revoked = 3,  ///< the key is no longer accepted
    fault = 4,    ///< the peer broke the protocol
};

/// In words, for logs.
[[nodiscard]] constexpr std::string_view name_of(CloseReason reason) noexcept
{
    switch (reason) {
    case CloseReason::stopping: return "stopping";
    case CloseReason::replaced: return "replaced by a newer session of the same key";
    case CloseReason::revoked: return "the key is no longer accepted";
    case CloseReason::fault: return "protocol fault";
    }
    return "unknown reason";
}

/// Either way: the last message of a lane.
struct Close {
    CloseReason reason = CloseReason::stopping;
    bool operator==(const Close&) const = default;
};

/// Client to server, first record of a further lane: confirms its keys.
struct LaneHello {
    bool operator==(const LaneHello&) const = default;
};

/// Server to client, on the lane it is about: the server has cut the subflow that the client's
/// address with this MPTCP id has, since it carried nothing towards the client.
struct SubflowLost {
    std::uint8_t address_id = 0; ///< as the client has told it, RFC 8684 3.2; 0 is the first one's
    bool operator==(const SubflowLost&) const = default;
};

/// Server to client: what waits for the client fills the lane that this comes on, or no longer
/// does. A lane begins without.
struct Pressure {
    bool full = false;
    bool operator==(const Pressure&) const = default;
};

using Message =
    std::variant<Hello, TunnelConfig, Ping, Pong, Close, LaneHello, SubflowLost, Pressure>;

/// The message as the payload of a frame, at most max_message_size bytes. Fields must be within
/// their bounds (a programmer error otherwise).
[[nodiscard]] std::vector<std::byte> encode_message(const Message& message);

/// nullopt for a type that this version does not know (skip it).
/// Errors (protocol_error): empty, larger than max_message_size, or a known type whose fields
/// are cut short or out of bounds; close the lane.
[[nodiscard]] Result<std::optional<Message>> decode_message(Bytes payload);

} // namespace braid
