#include "client/freeze_watch.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using Advice = FreezeWatch::Advice;
constexpr TimePoint start{1h};

/// Looks every 5 ms; yields the time until the verdict and the pings sent.
struct Run {
    Duration until_frozen{};
    int pings = 0;
};

Run run(FreezeWatch watch, FreezeWatch::Look look, Duration most)
{
    Run result;
    for (TimePoint now = start; now - start < most; now += 5ms) {
        look.heard_at = look.heard_at == TimePoint{} ? start : look.heard_at;
        const auto advice = watch.look(now, look);
        if (advice == Advice::ping) ++result.pings;
        if (advice == Advice::frozen) {
            result.until_frozen = now - start;
            break;
        }
    }
    return result;
}

} // namespace

TEST_CASE("a lane in use that is silent although its path works is pinged, then frozen")
{
    const auto seen = run({}, {.in_use = true, .path_works = true, .rtt = 20ms}, 10s);
    CHECK(seen.pings >= 2);
    CHECK(seen.until_frozen >= 1500ms);
    CHECK(seen.until_frozen <= 2s);
}

TEST_CASE("a loaded path's round trip is added")
{
    const auto seen = run({}, {.in_use = true, .path_works = true, .rtt = 1s}, 10s);
    CHECK(seen.until_frozen >= 3500ms);
}

TEST_CASE("a subflow that is made again gets its time, once")
{
    for (const int remade : {1, 5}) {
        FreezeWatch watch;
        const FreezeWatch::Look look{
            .in_use = true, .heard_at = start, .path_works = true, .rtt = 20ms};
        TimePoint now = start;
        int left = remade;
        while (watch.look(now, look) != Advice::frozen && now - start < 10s) {
            now += 5ms;
            if (now - start >= 1s && left-- > 0) watch.subflow_remade(now);
        }
        CHECK(now - start >= 2s);
        CHECK(now - start <= 2100ms);
    }
}

TEST_CASE("an idle lane, and one without a path that works, are left alone")
{
    CHECK(run({}, {.in_use = false, .path_works = true, .rtt = 20ms}, 10s).pings == 0);
    const auto dead = run({}, {.in_use = true, .path_works = false, .rtt = 20ms}, 10s);
    CHECK(dead.pings == 0);
    CHECK(dead.until_frozen == 0ms);
}

TEST_CASE("the time before the path worked does not count")
{
    FreezeWatch watch;
    FreezeWatch::Look look{.in_use = true, .heard_at = start, .path_works = false, .rtt = 20ms};
    TimePoint now = start;
    for (; now - start < 5s; now += 5ms) CHECK(watch.look(now, look) == Advice::none);
    look.path_works = true;
    const TimePoint back = now;
    while (watch.look(now, look) != Advice::frozen && now - back < 5s) now += 5ms;
    CHECK(now - back >= 1s);
    CHECK(now - back <= 2s);
}

TEST_CASE("any byte out of the lane ends the suspicion")
{
    FreezeWatch watch;
    FreezeWatch::Look look{.in_use = true, .heard_at = start, .path_works = true, .rtt = 20ms};
    for (TimePoint now = start; now - start < 20s; now += 5ms) {
        if ((now - start) % 1s == 0ms) look.heard_at = now;
        REQUIRE(watch.look(now, look) != Advice::frozen);
    }
}

} // namespace braid
