#include "common/base/time.hpp"

#include <doctest/doctest.h>
#include <limits>

using namespace braid;

namespace {

constexpr std::uint32_t least = 0;
constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();

} // namespace

TEST_CASE("the waits double from the first to the most")
{
    Backoff backoff{500ms, 3s};
    for (const Duration expected :
         {Duration{500ms}, Duration{1s}, Duration{2s}, Duration{3s}, Duration{3s}})
        CHECK(backoff.next(least) == expected);
}

TEST_CASE("chance takes up to a third off a wait, and does not change the next one")
{
    Backoff backoff{3s, 60s};
    const auto shortest = backoff.next(most);
    CHECK(shortest > 2s);
    CHECK(shortest < 2001ms);
    CHECK(backoff.next(most / 2) <= 5001ms);
    CHECK(backoff.next(least) == 12s);
}

TEST_CASE("after a reset the waits begin anew")
{
    Backoff backoff{1s, 8s};
    static_cast<void>(backoff.next(least));
    static_cast<void>(backoff.next(least));
    backoff.reset();
    CHECK(backoff.next(least) == 1s);
    CHECK(backoff.next(least) == 2s);
}

TEST_CASE("waits of a day do not overflow")
{
    Backoff backoff{24h, 24h};
    CHECK(backoff.next(most) > 15h);
    CHECK(backoff.next(most) <= 24h);
}
