/// Which session a lane join belongs to: the tickets of every session that further lanes may
/// join. PROTOCOL.md, "Joining". PURE.
#pragma once

#include "common/base/time.hpp"
#include "common/crypto/aead.hpp"
#include "common/crypto/handshake.hpp"
#include "common/crypto/lane_join.hpp"

#include <cstddef>
#include <optional>
#include <unordered_map>

namespace braid {

/// A join that was taken.
struct JoinedLane {
    std::size_t peer = 0; ///< position of the session's peer
    SessionId session{};
    Cipher cipher = Cipher::chacha20_poly1305;
    LaneSecrets secrets;
};

class JoinTable {
public:
    /// A session takes joins for so long after its handshake; then the peer handshakes anew, with
    /// fresh X25519 secrets. PROTOCOL.md, "Joining".
    static constexpr auto session_life = 24h;
    /// One join of a session in this time, on average, and this many at once: a lane costs the
    /// server buffers and a client that is well needs one.
    static constexpr auto join_every = 100ms;
    static constexpr int joins_at_once = 16;

    struct Session {
        SessionId id{};
        Cipher cipher = Cipher::chacha20_poly1305;
        Secret<32> secret; ///< HandshakeResult::session_secret
    };

    /// The peer's session takes joins from now on; one that it had before does no more.
    void open(std::size_t peer, Session session, TimePoint now);
    /// The peer's session, if it has one, takes no joins any more; its secret is wiped.
    void close(std::size_t peer);
    /// As close, for every session that is past its life.
    void expire(TimePoint now);

    /// Takes a lane join, writes the lane accept to `out` (lane_accept_size bytes). The ticket is
    /// used up, even if the lane comes to nothing. After an error nothing has changed.
    /// Errors (handshake_fault): malformed; not_authentic, no session takes this join;
    /// resource_unavailable_try_again, the session has had too many of late.
    [[nodiscard]] Result<JoinedLane> join(Bytes unit, MutBytes out, TimePoint now);

    /// True while this is the session of the peer.
    [[nodiscard]] bool holds(std::size_t peer, const SessionId& session) const;

private:
    struct Entry {
        SessionId id;
        Cipher cipher;
        LaneWindow window;
        TimePoint ends;
        TimePoint joins_full_at{}; ///< when the bucket of join_every tokens is full again
    };
    /// Tickets are random to everybody who does not hold the session's secret: their first bytes
    /// are a hash already.
    struct TicketHash {
        std::size_t operator()(const LaneTicket& ticket) const noexcept;
    };
    void list(std::size_t peer, const Entry& entry);
    void unlist(const Entry& entry);

    std::unordered_map<std::size_t, Entry> sessions_; ///< by peer
    std::unordered_map<LaneTicket, std::size_t, TicketHash> peers_;
};

} // namespace braid
