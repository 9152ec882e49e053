/// The client's first words on a connection, without I/O: a handshake, or a join that goes on with
/// the session that has lost its lanes.
#pragma once

#include "common/crypto/handshake.hpp"
#include "common/crypto/lane_join.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace braid {

/// What further lanes of a session need.
struct Resumption {
    Cipher cipher = Cipher::chacha20_poly1305;
    LaneChain lanes;
};

/// The keys of a connection that was opened.
struct Opened {
    Cipher cipher = Cipher::chacha20_poly1305;
    LaneSecrets secrets;
    std::optional<Resumption> fresh; ///< of the session that a handshake has made; none: a join
};

class Opening {
public:
    static constexpr std::size_t max_size = std::max(client_hello_size, lane_join_size);

    /// The code of a refused join: another opening, a handshake, is what helps.
    static constexpr auto session_gone = std::errc::identifier_removed;

    explicit Opening(ClientHandshake handshake) : step_(std::move(handshake)) {}
    Opening(ClientJoin join, Cipher cipher) : step_(std::move(join)), cipher_(cipher) {}

    /// As ClientHandshake::start and ClientJoin::start; `out` has max_size bytes.
    [[nodiscard]] Result<std::size_t> start(MutBytes out);
    /// As ClientHandshake::on_reply and ClientJoin::on_reply.
    [[nodiscard]] Result<Opened> on_reply(Bytes unit);
    /// What a refusal by the server means.
    [[nodiscard]] Error refusal(const std::string& server) const;

private:
    std::variant<ClientHandshake, ClientJoin> step_;
    Cipher cipher_ = Cipher::chacha20_poly1305; ///< of the session that is joined
};

/// Called when a connection stands, so that no join is spent on one that never does.
using MakeOpening = std::function<Opening()>;

} // namespace braid
