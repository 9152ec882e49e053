#include "common/session/send_gate.hpp"

#include <doctest/doctest.h>
#include <limits>

using namespace braid;

namespace {

constexpr auto none_busy = std::numeric_limits<std::size_t>::max();
constexpr TimePoint start{1h};
constexpr std::size_t kib = 1024;

/// What a window of 20 ms carries at a rate.
constexpr std::size_t window_of(std::size_t rate_mbps)
{
    return rate_mbps * 1'000'000 / 8 / 50;
}

/// Simulated time: each window begins where the last one ended.
class Driven {
public:
    explicit Driven(std::size_t rate_mbps = 0) { run(rate_mbps); }

    /// One window of that rate, closed.
    void run(std::size_t rate_mbps)
    {
        gate.sent(0, now);
        gate.sent(window_of(rate_mbps), now);
        now += SendGate::window;
        gate.sent(0, now);
    }
    [[nodiscard]] bool open(std::size_t bytes, std::size_t subflows = 1,
                            std::size_t least_of_busy = none_busy) const
    {
        return gate.open({.bytes = bytes, .subflows = subflows, .least_of_busy = least_of_busy});
    }

    SendGate gate;
    TimePoint now = start;
};

} // namespace

TEST_CASE("a new gate is shaped and holds 16 KiB for each subflow")
{
    const Driven driven;
    CHECK_FALSE(driven.gate.bulk());
    for (const std::size_t subflows : {1u, 2u, 5u}) {
        CAPTURE(subflows);
        CHECK(driven.open(16 * kib * subflows - 1, subflows));
        CHECK_FALSE(driven.open(16 * kib * subflows, subflows));
    }
}

TEST_CASE("a connection of no known subflow counts as one")
{
    const Driven driven;
    CHECK(driven.open(16 * kib - 1, 0));
    CHECK_FALSE(driven.open(16 * kib, 0));
}

TEST_CASE("a fast shaped lane holds two milliseconds of its rate")
{
    const Driven driven{200}; // 50000 bytes in 2 ms
    CHECK_FALSE(driven.gate.bulk());
    CHECK(driven.open(49'900));
    CHECK_FALSE(driven.open(50'100));
    CHECK(driven.open(64 * kib - 1, 4));
}

TEST_CASE("above 300 Mbit/s nothing but the socket's buffer is the bound")
{
    Driven driven{299};
    CHECK_FALSE(driven.gate.bulk());
    CHECK_FALSE(driven.open(100'000'000));
    driven.run(301);
    CHECK(driven.gate.bulk());
    CHECK(driven.open(100'000'000));
}

TEST_CASE("between 150 and 300 Mbit/s a lane stays in its regime")
{
    Driven driven{200};
    CHECK_FALSE(driven.gate.bulk());
    driven.run(400);
    driven.run(200);
    CHECK(driven.gate.bulk());
    driven.run(151);
    CHECK(driven.gate.bulk());
    driven.run(149);
    CHECK_FALSE(driven.gate.bulk());
    driven.run(299);
    CHECK_FALSE(driven.gate.bulk());
}

TEST_CASE("a hungry busy subflow opens the gate whatever the others hold")
{
    const Driven driven;
    CHECK(driven.open(200 * kib, 2, 16 * kib - 1));
    CHECK(driven.open(200 * kib, 2, 0));
    CHECK_FALSE(driven.open(200 * kib, 2, 16 * kib));
    CHECK_FALSE(driven.open(200 * kib, 2, none_busy));
}

TEST_CASE("a slow lane feeds hungry subflows up to 256 KiB")
{
    const Driven driven{10}; // 125000 bytes in 100 ms
    CHECK(driven.open(256 * kib - 1, 2, 0));
    CHECK_FALSE(driven.open(256 * kib, 2, 0));
}

TEST_CASE("a fast lane feeds hungry subflows up to 100 ms of its rate")
{
    const Driven driven{200}; // 2.5 million bytes in 100 ms
    CHECK(driven.open(2'490'000, 2, 0));
    CHECK_FALSE(driven.open(2'510'000, 2, 0));
}

TEST_CASE("a rate counts when its window is over and not before")
{
    Driven driven;
    driven.gate.sent(window_of(400), driven.now);
    driven.gate.sent(window_of(400), driven.now + SendGate::window - 1ns);
    CHECK_FALSE(driven.gate.bulk());
    driven.gate.sent(0, driven.now + SendGate::window);
    CHECK(driven.gate.bulk());
}

TEST_CASE("the rate of a window that ran long is its average")
{
    Driven driven{400};
    driven.gate.sent(window_of(400), driven.now);
    REQUIRE(driven.gate.bulk());
    driven.gate.sent(0, driven.now + 1s);
    CHECK_FALSE(driven.gate.bulk());
    CHECK_FALSE(driven.open(16 * kib));
}

TEST_CASE("no look is needed while what can be unsent is less than 16 KiB")
{
    Driven driven;
    CHECK_FALSE(driven.gate.surely_open()); // before the first look
    driven.gate.found({.bytes = 6 * kib, .subflows = 2});
    CHECK(driven.gate.surely_open());
    driven.gate.sent(10 * kib - 1, driven.now);
    CHECK(driven.gate.surely_open());
    driven.gate.sent(1, driven.now);
    CHECK_FALSE(driven.gate.surely_open());
    driven.gate.found({.bytes = 15 * kib, .subflows = 1});
    CHECK(driven.gate.surely_open());
}

TEST_CASE("a lane that has been in bulk needs a look")
{
    Driven driven;
    driven.gate.found({.bytes = 0, .subflows = 1});
    driven.run(400);
    CHECK(driven.gate.surely_open());
    driven.run(100);
    REQUIRE_FALSE(driven.gate.bulk());
    CHECK_FALSE(driven.gate.surely_open());
}
