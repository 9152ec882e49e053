/// How often strangers may make the server do public-key work: token buckets, one per source and
/// one for all together. PURE.
///
/// The sources' buckets stand in a table of fixed size, so that no number of sources makes it
/// grow. A source has one cell in each row, at places that a keyed hash tells, and has tokens left
/// as long as one of its cells has (a count-min sketch). Sources that share a cell can only take
/// tokens from each other, never give: nobody gets more than its rate, and to keep a source out
/// others have to hold all of its cells empty, at the full rate of a source in each. They cannot
/// aim at it without the key. Of a source that meets 200 busy ones, all cells are shared with
/// probability 0.001; by then these have used up the bucket for all long ago.
///
/// Of the bucket for all, a source may take the less the more it has taken of its own: who has
/// emptied that leaves half of the other to those who have not. So a few busy sources do not keep
/// a newcomer out, though their rates add up to the total. More sources than that (20, by the
/// defaults) can, without being busy: then a new client has to try again until it meets a token.
/// Existing sessions need none, nor do lanes that join them.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace braid {

class HandshakeRate {
public:
    static constexpr auto burst_per_source = 4s; ///< so much of its rate may come at once
    static constexpr auto burst_total = 1s;      ///< the same for all sources together

    /// Handshakes a second, at least 1 each.
    struct Limits {
        std::uint32_t per_source = 0;
        std::uint32_t total = 0;
    };
    using Key = std::array<std::byte, 16>; ///< random per process

    HandshakeRate(const Limits& limits, const Key& key) noexcept;

    /// Takes a token of `source` (VisitorLimit::source_of) and one of all, or none and yields
    /// false when there is none for it: a source that has had its share takes nothing from the
    /// others.
    [[nodiscard]] bool allows(const Prefix& source, TimePoint now) noexcept;

private:
    static constexpr std::size_t rows = 4;
    static constexpr std::size_t cells_in_row = 1024; ///< 32 KiB in all

    /// A token bucket as the time at which it is full again.
    using FullAt = TimePoint;
    /// The cell of each row.
    using Place = std::array<std::size_t, rows>;

    [[nodiscard]] Place place_of(const Prefix& source) const noexcept;

    Duration token_of_source_; ///< the time in which a bucket gains one
    Duration token_of_all_;
    Key key_;
    std::array<std::array<FullAt, cells_in_row>, rows> sources_{};
    FullAt all_{};
};

} // namespace braid
