#include "server/handshake_rate.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <cassert>
#include <sodium/crypto_shorthash.h>
#include <tuple>

namespace braid {
namespace {

/// family:8 length:8 address:128, padded with zeros, so that no two sources look alike.
constexpr std::size_t hashed_size = 18;

/// Turns a whole bucket of a source into half of that for all.
constexpr auto reserve_divisor = 2 * HandshakeRate::burst_per_source / HandshakeRate::burst_total;

static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<HandshakeRate::Key>);

/// What has been taken of a bucket and not come back yet.
Duration debt(TimePoint full_at, TimePoint now)
{
    return std::max(full_at - now, Duration::zero());
}

} // namespace

HandshakeRate::HandshakeRate(const Limits& limits, const Key& key) noexcept
    : token_of_source_(Duration{1s} / limits.per_source),
      token_of_all_(Duration{1s} / limits.total),
      key_(key)
{
    assert(limits.per_source > 0 && limits.total > 0);
}

bool HandshakeRate::allows(const Prefix& source, TimePoint now) noexcept
{
    const Place place = place_of(source);
    Duration least = Duration::max();
    for (std::size_t row = 0; row < rows; ++row)
        least = std::min(least, debt(sources_[row][place[row]], now));
    if (least + token_of_source_ > burst_per_source) return false;
    const Duration left_to_others = least / reserve_divisor;
    if (debt(all_, now) + token_of_all_ > burst_total - left_to_others) return false;

    for (std::size_t row = 0; row < rows; ++row) {
        FullAt& cell = sources_[row][place[row]];
        // A cell that others have emptied stays empty, and owes nothing.
        cell = now + std::min<Duration>(debt(cell, now) + token_of_source_, burst_per_source);
    }
    all_ = now + debt(all_, now) + token_of_all_;
    return true;
}

HandshakeRate::Place HandshakeRate::place_of(const Prefix& source) const noexcept
{
    std::array<std::byte, hashed_size> named{};
    WireWriter out{named};
    out.u8(static_cast<std::uint8_t>(source.address.family()));
    out.u8(source.length);
    out.bytes(source.address.bytes());

    std::array<std::byte, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(uchars(MutBytes{hash}), uchars(Bytes{named}), named.size(),
                     uchars(Bytes{key_}));
    WireReader in{hash};
    Place place{};
    static_assert(rows * sizeof(std::uint16_t) == crypto_shorthash_BYTES);
    for (std::size_t& cell : place) cell = in.u16() % cells_in_row;
    return place;
}

} // namespace braid
