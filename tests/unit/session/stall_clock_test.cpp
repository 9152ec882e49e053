#include "common/session/ack_due.hpp"
#include "common/session/stall_clock.hpp"

#include <doctest/doctest.h>

using namespace braid;

namespace {

constexpr TimePoint start{1h};
constexpr StallClock::Look quiet{};
constexpr StallClock::Look answer{.overdue = 0, .progressed = true};
constexpr StallClock::Look overdue{.overdue = StallClock::proof, .progressed = false};
constexpr StallClock::Look one_overdue{.overdue = 1, .progressed = false};

/// Simulated rounds.
class Driven {
public:
    Driven() { clock.tick(now, quiet); }

    void round(const StallClock::Look& look, Duration after = StallClock::round)
    {
        now += after;
        clock.tick(now, look);
    }
    /// Yields how long the silence lasted when it was called a stall.
    Duration until_stalled(const StallClock::Look& look)
    {
        const TimePoint begin = now;
        while (!clock.stalled() && now - begin < 5s) round(look);
        return now - begin;
    }
    void learn_twice(Duration gap)
    {
        clock.learn(gap);
        clock.learn(gap);
    }
    void silence(Duration length)
    {
        for (Duration past{}; past < length; past += StallClock::round) round(overdue);
    }

    StallClock clock;
    TimePoint now = start;
};

} // namespace

TEST_CASE("a path that owes nothing never stalls")
{
    Driven path;
    for (int i = 0; i < 1000; ++i) path.round(quiet);
    CHECK_FALSE(path.clock.stalled());
    CHECK(path.clock.silent() == 0ms);
}

TEST_CASE("a path whose answers are overdue stalls at its least patience")
{
    Driven path;
    CHECK(path.until_stalled(overdue) == StallClock::least_patience);
}

TEST_CASE("a lone overdue answer may be a lost packet")
{
    Driven path;
    CHECK(path.until_stalled(one_overdue) == StallClock::patience_without_proof);
}

TEST_CASE("an answer ends a silence, and the length of the second is learnt")
{
    Driven path;
    path.silence(40ms);
    CHECK_FALSE(path.clock.stalled());
    path.round(answer);
    CHECK(path.clock.silent() == 0ms);
    path.silence(40ms); // a second one: the first may have been chance
    CHECK_FALSE(path.clock.stalled());
    path.round(answer);
    // 40 ms and half as much again, and 15 ms.
    const Duration patience = path.until_stalled(overdue);
    CHECK(patience >= 70ms);
    CHECK(patience <= 75ms);
}

TEST_CASE("a path known for long gaps gets more patience, at most a second")
{
    Driven path;
    path.learn_twice(400ms);
    const Duration patience = path.until_stalled(overdue);
    CHECK(patience > 600ms);
    CHECK(patience <= 615ms);

    Driven other;
    other.learn_twice(10s);
    CHECK(other.until_stalled(overdue) == StallClock::most_patience);
}

TEST_CASE("one long gap alone changes nothing")
{
    Driven path;
    path.clock.learn(400ms);
    CHECK(path.until_stalled(overdue) == StallClock::least_patience);
}

TEST_CASE("what was learnt fades")
{
    Driven path;
    path.learn_twice(400ms);
    for (int i = 0; i < 60 * 200; ++i) path.round(answer); // a minute
    const Duration patience = path.until_stalled(overdue);
    CHECK(patience > 150ms);
    CHECK(patience < 180ms); // a quarter of 400 ms, half as much again, and 15 ms
    for (int i = 0; i < 600 * 200; ++i) path.round(answer);
    CHECK(path.until_stalled(overdue) == StallClock::least_patience);
}

TEST_CASE("rounds that came late neither count nor convict")
{
    Driven path;
    for (int i = 0; i < 100; ++i) {
        path.round(overdue, 80ms);
        CHECK_FALSE(path.clock.stalled());
    }
    CHECK(path.clock.silent() == 0ms);
    path.silence(40ms);
    path.round(overdue, 200ms);
    CHECK_FALSE(path.clock.stalled());
    path.round(overdue);
    CHECK(path.clock.stalled());
}

TEST_CASE("on a machine that is late all the time a long silence convicts after all")
{
    Driven path;
    Duration past{};
    while (!path.clock.stalled(10s) && past < 20s) {
        path.round(overdue, 40ms);
        path.round(overdue);
        past += 45ms;
    }
    CHECK(past >= StallClock::hopeless_after);
    CHECK(past <= StallClock::hopeless_after + 100ms);
}

TEST_CASE("a machine that slept finds no path hopeless")
{
    Driven path;
    path.round(overdue, 60s);
    for (int i = 0; i < 100; ++i) path.round(overdue);
    CHECK_FALSE(path.clock.stalled(10s));
}

TEST_CASE("an ACK is due a round trip after the oldest byte was sent")
{
    AckDue due;
    due.look(start, 0, 0);
    CHECK_FALSE(due.overdue(start + 1s, 20ms));
    due.look(start + 10ms, 1000, 0);
    due.look(start + 20ms, 2000, 0);
    CHECK_FALSE(due.overdue(start + 29ms, 20ms));
    CHECK(due.overdue(start + 30ms, 20ms));
    due.look(start + 31ms, 2000, 1000); // the second thousand left 10 ms later
    CHECK_FALSE(due.overdue(start + 39ms, 20ms));
    CHECK(due.overdue(start + 40ms, 20ms));
    due.look(start + 41ms, 2000, 2000);
    CHECK_FALSE(due.overdue(start + 10s, 20ms));
    due.look(start + 10s, 3000, 2000); // after an idle time it counts anew
    CHECK_FALSE(due.overdue(start + 10s + 19ms, 20ms));
    CHECK(due.overdue(start + 10s + 20ms, 20ms));
}

TEST_CASE("a full memory finds an ACK late, never early")
{
    AckDue due;
    std::uint64_t sent = 0;
    for (int i = 0; i < 1000; ++i) due.look(start + i * 5ms, sent += 100, 0);
    CHECK(due.overdue(start + 600ms, 600ms)); // the first byte is still remembered
    due.look(start + 5s, sent, sent - 100);   // the last one was sent at 4995 ms
    CHECK_FALSE(due.overdue(start + 5594ms, 600ms));
    CHECK(due.overdue(start + 5595ms, 600ms));
}
