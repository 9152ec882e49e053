#include "common/session/hole_watch.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

constexpr TimePoint start{1h};

/// A connection that looks every 5 ms.
struct Connection {
    HoleWatch watch;
    HoleWatch::Look now_seen{.acked = 1, .unacked = 1000, .peer_window = 65'536};
    TimePoint now = start;

    Connection() { (void)watch.look(now, now_seen); }

    bool round()
    {
        now += 5ms;
        return watch.look(now, now_seen);
    }
    /// Yields the time until the verdict, or `most`; `before_each` sets what is seen.
    template <typename Before>
    Duration until_verdict(Duration most, Before before_each)
    {
        const TimePoint begin = now;
        while (now - begin < most) {
            before_each();
            if (round()) break;
        }
        return now - begin;
    }
};

} // namespace

TEST_CASE("data that waits for a DATA_ACK while nothing is in flight convicts after a second")
{
    Connection lane;
    const Duration taken = lane.until_verdict(5s, [] {});
    CHECK(taken > 900ms);
    CHECK(taken <= 1s);
}

TEST_CASE("what was sent since the last DATA_ACK does not fill the hole")
{
    Connection lane;
    const auto fresh = [&] { lane.now_seen.oldest_in_flight = lane.now - 20ms; };
    CHECK(lane.until_verdict(5s, fresh) < 1100ms);
}

TEST_CASE("a drip is a hole too: a fragment every 200 ms")
{
    Connection lane;
    int looks = 0;
    const auto drip = [&] {
        if (++looks % 40 == 0) lane.now_seen.acked += 64'000;
        const TimePoint sent = lane.now - 50ms; // new data, always under way
        lane.now_seen.oldest_in_flight = sent;
    };
    CHECK(lane.until_verdict(20s, drip) < 3s);
}

TEST_CASE("a peer that does not read makes no hole, nor for a while after it has")
{
    Connection lane;
    lane.now_seen.peer_window = HoleWatch::least_window - 1;
    CHECK(lane.until_verdict(5s, [] {}) == 5s);
    lane.now_seen.peer_window = HoleWatch::least_window;
    const Duration taken = lane.until_verdict(5s, [] {});
    CHECK(taken > HoleWatch::reads_after + 900ms);
    CHECK(taken <= HoleWatch::reads_after + 1100ms);
}

TEST_CASE("a peer that reads in gulps makes no hole")
{
    Connection lane;
    int looks = 0;
    const auto gulp = [&] { lane.now_seen.peer_window = ++looks % 60 == 0 ? 0 : 65'536; };
    CHECK(lane.until_verdict(5s, gulp) == 5s);
}

TEST_CASE("a slow subflow that has the missing data in flight makes no hole")
{
    Connection lane;
    lane.now_seen.oldest_in_flight = start - 10ms;
    CHECK(lane.until_verdict(60s, [] {}) == 60s);
}

TEST_CASE("a stream whose DATA_ACKs come a round trip later makes no hole")
{
    Connection lane;
    const auto stream = [&] {
        ++lane.now_seen.acked;
        lane.now_seen.oldest_in_flight = lane.now - 70ms;
    };
    CHECK(lane.until_verdict(60s, stream) == 60s);
}

TEST_CASE("a lone message under way is no hole, even when its round trip is long")
{
    Connection lane;
    lane.now_seen.rtt = 600ms;
    for (int i = 0; i < 100; ++i) {
        lane.now_seen.unacked = 100;
        lane.now_seen.oldest_in_flight = lane.now;
        CHECK(lane.until_verdict(600ms, [] {}) == 600ms);
        lane.now_seen.unacked = 0;
        ++lane.now_seen.acked;
        REQUIRE_FALSE(lane.round());
        CHECK_FALSE(lane.watch.suspects());
    }
}

TEST_CASE("a look that comes late counts for little")
{
    Connection lane;
    CHECK_FALSE(lane.watch.look(start + 10s, {.acked = 1, .unacked = 1000}));
}

} // namespace braid
