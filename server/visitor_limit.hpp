/// Who has to go when a connection comes while many have no session yet. A newcomer always gets
/// in, so that strangers who keep connections open cannot lock clients out; they only push out
/// each other. PURE.
#pragma once

#include "common/base/ip.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace braid {

class VisitorLimit {
public:
    /// Visits at once, at least 1 each.
    struct Bounds {
        std::size_t in_all = 0;
        std::size_t per_source = 0;
    };

    struct Visit {
        Prefix source;           ///< source_of() the remote address
        bool keys_known = false; ///< see Reception; the hello may be a replay
    };

    explicit VisitorLimit(const Bounds& bounds) noexcept : bounds_(bounds) {}

    /// What one host may be taken to own: the address itself, of IPv6 its /64.
    [[nodiscard]] static Prefix source_of(const Address& remote) noexcept;

    /// The position of the visit to end before one from `newcomer` begins; none when there is
    /// room. `present` is oldest first. Of the newcomer's own source when that holds its share,
    /// else of all when they are full: the oldest of the larger group, those whose keys are known
    /// and those whose are not. So neither silent connections push out who is in the middle of a
    /// handshake, nor replays of recorded hellos who is about to send one.
    [[nodiscard]] std::optional<std::size_t> evicted_for(const Prefix& newcomer,
                                                         std::span<const Visit> present) const;

private:
    Bounds bounds_;
};

} // namespace braid
