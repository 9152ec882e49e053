#include "common/crypto/aead_makers.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

namespace braid {

namespace {

constexpr std::size_t text_size = std::size_t{16} * 1024;
constexpr std::uint64_t tries = 12; ///< the first ones also fill the caches

} // namespace

AeadMakers AeadMakers::cheapest(const Cost& cost)
{
    AeadMakers chosen;
    for (const Cipher cipher : all_ciphers) {
        Duration least = Duration::max();
        for (const AeadMaker maker : all_makers) {
            if (!Aead::supported(cipher, maker)) continue;
            const Duration taken = cost(cipher, maker);
            if (taken >= least) continue;
            least = taken;
            chosen.makers_[index(cipher)] = maker;
        }
    }
    return chosen;
}

AeadMakers AeadMakers::measured()
{
    return cheapest(measure_aead);
}

Duration measure_aead(Cipher cipher, AeadMaker maker)
{
    const Aead aead{cipher, Secret<Aead::key_size>{}, maker}; // a key for nothing else
    const std::vector<std::byte> text(text_size);
    const std::array segments{Bytes{text}};
    std::vector<std::byte> sealed(text_size + tag_size(cipher));
    Duration least = Duration::max();
    for (std::uint64_t nonce = 0; nonce < tries; ++nonce) {
        const TimePoint start = Clock::now();
        aead.seal(nonce, {}, segments, sealed);
        [[maybe_unused]] const auto opened = aead.open(nonce, {}, sealed);
        least = std::min(least, Clock::now() - start);
        assert(opened);
    }
    return least;
}

} // namespace braid
