#include "client/rate_limit.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

constexpr TimePoint start{1h};
constexpr std::uint64_t rate_bps = 8'000'000; ///< a byte each microsecond; a bucket of 250 kB

/// A bucket that has been looked at when nothing had been carried yet.
RateLimit fresh(std::uint64_t rate = rate_bps)
{
    RateLimit limit{rate};
    limit.look(start, 0);
    return limit;
}

} // namespace

TEST_CASE("a limit is spent when its bucket is empty, and no more when it is half full again")
{
    auto limit = fresh();
    CHECK(limit.full());
    limit.look(start, 249'999);
    CHECK_FALSE(limit.empty());
    CHECK_FALSE(limit.spent());
    limit.look(start, 250'000);
    CHECK(limit.empty());
    CHECK(limit.spent());
    limit.look(start + 124ms, 250'000);
    CHECK_FALSE(limit.empty());
    CHECK(limit.spent());
    limit.look(start + 126ms, 250'000);
    CHECK_FALSE(limit.spent());
    CHECK_FALSE(limit.full());
    limit.look(start + 251ms, 250'000);
    CHECK(limit.full());
}

TEST_CASE("what has been carried before the first look does not count, nor a count that falls")
{
    RateLimit limit{rate_bps};
    limit.look(start, 1'000'000'000);
    CHECK(limit.full());
    limit.look(start, 5);
    CHECK(limit.full());
}

TEST_CASE("a long rest saves no more than a bucket")
{
    auto limit = fresh();
    limit.look(start + 1h, 0);
    limit.look(start + 1h, 250'000);
    CHECK(limit.empty());
}

TEST_CASE("a slow limit still lets some super-packets through at once")
{
    auto limit = fresh(8'000);
    limit.look(start, 3 * 65536 - 1);
    CHECK_FALSE(limit.spent());
    limit.look(start, 3 * 65536);
    CHECK(limit.spent());
}

TEST_CASE("debt is paid back, up to some seconds of it")
{
    auto limit = fresh();
    limit.look(start, 250'000 + 1'000'000);
    limit.look(start + 999ms, 1'250'000);
    CHECK(limit.empty());
    limit.look(start + 1001ms, 1'250'000);
    CHECK_FALSE(limit.empty());

    limit = fresh();
    limit.look(start, 1'000'000'000);
    limit.look(start + RateLimit::most_debt - 1ms, 1'000'000'000);
    CHECK(limit.empty());
    limit.look(start + RateLimit::most_debt + 1ms, 1'000'000'000);
    CHECK_FALSE(limit.empty());
}

TEST_CASE("a link of ten times the rate carries the rate in the mean")
{
    for (const std::uint64_t rate : {256'000u, 2'000'000u, 20'000'000u}) {
        CAPTURE(rate);
        auto limit = fresh(rate);
        std::uint64_t carried = 0;
        for (TimePoint now = start; now < start + 60s; now += 5ms) {
            if (!limit.spent()) carried += rate * 10 / 8 / 200;
            limit.look(now, carried);
        }
        const double share = static_cast<double>(carried) * 8 / 60 / static_cast<double>(rate);
        CHECK(share > 0.9);
        CHECK(share < 1.15); // the bucket is full at first
    }
}

} // namespace braid
