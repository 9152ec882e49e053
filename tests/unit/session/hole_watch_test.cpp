#include "common/session/hole_watch.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

constexpr TimePoint start{1h};

/// Looks every 5 ms at what `in_flight` says of each moment; yields the time until the verdict, or
/// `most`.
template <typename InFlight>
Duration until_verdict(std::uint64_t unacked, Duration most, InFlight in_flight)
{
    HoleWatch watch;
    (void)watch.look(start, {});
    for (TimePoint now = start + 5ms; now - start < most; now += 5ms)
        if (watch.look(now, {.unacked = unacked, .in_flight = in_flight(now - start)}))
            return now - start;
    return most;
}

} // namespace

TEST_CASE("data that is out while no subflow has anything in flight convicts after a second")
{
    CHECK(until_verdict(1000, 5s, [](Duration) { return false; }) == 1s);
}

TEST_CASE("a drip is a hole too: a fragment in flight for 60 of every 200 ms")
{
    const auto drip = [](Duration at) { return at % 200ms < 60ms; };
    CHECK(until_verdict(700'000, 10s, drip) <= 2s);
}

TEST_CASE("what is in flight most of the time, or acknowledged, is no hole")
{
    CHECK(until_verdict(1000, 60s, [](Duration at) { return at % 200ms < 150ms; }) == 60s);
    CHECK(until_verdict(0, 60s, [](Duration) { return false; }) == 60s);
}

TEST_CASE("an acknowledgement clears the suspicion")
{
    HoleWatch watch;
    TimePoint now = start;
    for (int i = 0; i < 1000; ++i) {
        now += 5ms;
        REQUIRE_FALSE(watch.look(now, {.unacked = i % 100 == 0 ? 0u : 1000u, .in_flight = false}));
    }
    CHECK(watch.suspects());
    CHECK_FALSE(watch.look(now + 5ms, {}));
    CHECK_FALSE(watch.suspects());
}

TEST_CASE("a look that comes late counts for little")
{
    HoleWatch watch;
    (void)watch.look(start, {});
    CHECK_FALSE(watch.look(start + 10s, {.unacked = 1000, .in_flight = false}));
}

} // namespace braid
