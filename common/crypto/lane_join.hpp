/// Further lanes of a session: one round trip, no public-key work. PROTOCOL.md, "Joining".
///
/// Both ends draw the secrets of lanes 1, 2, ... from a chain that starts with the session's
/// secret and cannot be traced back. A lane's secret gives a ticket, by which the server finds
/// it and which tells an observer nothing, and proofs for both sides. The server takes each
/// ticket once. Messages are whole units, header included.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/secret.hpp"
#include "common/crypto/unit.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace braid {

using LaneTicket = std::array<std::byte, 16>;
using JoinNonce = std::array<std::byte, 16>;

constexpr std::size_t lane_join_size = unit_header_size + 16 + 16 + 32; ///< ticket, nonce, proof
constexpr std::size_t lane_accept_size = unit_header_size + 16 + 32;    ///< nonce, proof

/// For the sealers and openers of one lane.
struct LaneSecrets {
    Secret<32> client_to_server;
    Secret<32> server_to_client;
};

/// The secrets of a session's further lanes, one after the other. What was drawn is wiped here.
class LaneChain {
public:
    explicit LaneChain(Secret<32> session_secret) noexcept : secret_(std::move(session_secret)) {}

    /// The secret of the next lane.
    [[nodiscard]] Secret<32> next();

private:
    Secret<32> secret_;
};

/// The client's side of one join. Each step succeeds once:
///
///   fresh --start--> started --on_reply ok--> done
class ClientJoin {
public:
    explicit ClientJoin(Secret<32> lane_secret, FillRandom random = fill_random);

    /// Writes the lane join to `out` (lane_join_size bytes at least); yields its size.
    /// Errors: malformed, started before.
    [[nodiscard]] Result<std::size_t> start(MutBytes out);

    /// Takes the lane accept. After an error nothing has changed.
    /// Errors (handshake_fault): malformed; not_authentic.
    [[nodiscard]] Result<LaneSecrets> on_reply(Bytes unit);

private:
    enum class State {
        fresh,   ///< nothing was sent
        started, ///< a reply is due
        done,    ///< the lane's secret is wiped
    };

    Secret<32> lane_secret_;
    FillRandom random_;
    JoinNonce nonce_{};
    State state_ = State::fresh;
};

/// The ticket of a lane join, to find the session by.
/// Errors (handshake_fault): malformed, not one whole lane join.
[[nodiscard]] Result<LaneTicket> ticket_of(Bytes unit);

/// The server's side of a session's joins: the tickets that it would take now. A few beyond the
/// newest one taken, because a join may be lost; a few before it, because joins race each other.
class LaneWindow {
public:
    static constexpr std::uint64_t reach = 8; ///< lanes ahead of the newest taken, and behind it

    explicit LaneWindow(Secret<32> session_secret);

    /// All tickets that a join may show, at most 2 * reach.
    [[nodiscard]] std::vector<LaneTicket> tickets() const;

    /// Takes a lane join, writes the lane accept to `out` (lane_accept_size bytes) and uses the
    /// ticket up: tickets() changes. After an error nothing has changed.
    /// Errors (handshake_fault): malformed; not_authentic, an unknown or used ticket, or a proof
    /// that is not this session's.
    [[nodiscard]] Result<LaneSecrets> accept(Bytes unit, MutBytes out,
                                             const FillRandom& random = fill_random);

private:
    struct Entry {
        std::uint64_t number = 0; ///< of the lane, from 1
        Secret<32> lane_secret;
        LaneTicket ticket{};
    };
    [[nodiscard]] const Entry* find(const LaneTicket& ticket) const noexcept;
    void take(std::uint64_t number);
    void draw_to(std::uint64_t number);

    LaneChain chain_;
    std::uint64_t drawn_ = 0;   ///< number of the last lane drawn from the chain
    std::uint64_t newest_ = 0;  ///< the greatest number taken; 0 is the handshake's own lane
    std::deque<Entry> entries_; ///< by number; none was taken
};

} // namespace braid
