#include "tests/lab/link_direction.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace braid::lab {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{Duration{1'000'000'000}};

LinkDirection link_with(std::string_view words)
{
    LinkDirection link{7};
    const auto change = change_settings({}, words);
    REQUIRE(change.problem.empty());
    link.configure(change.settings, std::nullopt, start);
    return link;
}

struct Seen {
    std::uint32_t slot;
    Duration at;
    Fate fate;
};

/// Runs the link by its own next_due() up to `end`, as the owner would.
std::vector<Seen> drain(LinkDirection& link, TimePoint end)
{
    std::vector<Seen> seen;
    while (const auto due = link.next_due()) {
        if (*due > end) break;
        while (const auto departure = link.take_due(*due))
            seen.push_back({departure->packet.slot, *due - start, departure->fate});
    }
    return seen;
}

TEST_CASE("packets leave one after the other at the rate and then take the delay")
{
    auto link = link_with("rate=12M delay=10ms queue=1s"); // 1500 bytes: 1 ms
    for (std::uint32_t i = 0; i < 3; ++i) CHECK(link.offer({i, 1500}, start));
    const auto seen = drain(link, start + 1s);
    REQUIRE(seen.size() == 3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        CHECK(seen[i].slot == i);
        CHECK(seen[i].at == 10ms + (i + 1) * 1ms);
        CHECK(seen[i].fate == Fate::delivered);
    }
}

TEST_CASE("the rate is exact however late the owner asks")
{
    auto link = link_with("rate=12M queue=1s");
    for (std::uint32_t i = 0; i < 100; ++i) CHECK(link.offer({i, 1500}, start));
    std::size_t left = 0;
    while (link.take_due(start + 50ms)) ++left;
    CHECK(left == 50);
    while (link.take_due(start + 99ms)) ++left;
    CHECK(left == 99);
}

TEST_CASE("an idle link saves up no rate")
{
    auto link = link_with("rate=12M");
    CHECK(link.offer({0, 1500}, start + 500ms));
    const auto seen = drain(link, start + 1s);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].at == 501ms);
}

TEST_CASE("an unlimited link only delays")
{
    auto link = link_with("delay=5ms");
    for (std::uint32_t i = 0; i < 100; ++i) CHECK(link.offer({i, 1500}, start));
    CHECK_FALSE(link.take_due(start + 5ms - 1ns));
    CHECK(drain(link, start + 5ms).size() == 100);
}

TEST_CASE("the queue drops its tail at its bound and counts it")
{
    auto link = link_with("rate=12M queue=4500");
    for (std::uint32_t i = 0; i < 3; ++i) CHECK(link.offer({i, 1500}, start));
    CHECK_FALSE(link.offer({3, 1500}, start));
    CHECK(link.queue_bytes() == 4500);
    CHECK(link.counters().dropped_queue == 1);
    CHECK(link.offer({4, 1500}, start + 1ms)); // the first has left by now
}

TEST_CASE("a queue in time is that time at the rate")
{
    auto link = link_with("rate=12M queue=100ms");
    CHECK(link.queue_limit() == 150'000);
}

TEST_CASE("a queue below one packet still passes single packets")
{
    auto link = link_with("rate=12M queue=0");
    CHECK(link.offer({0, 1500}, start));
    CHECK_FALSE(link.offer({1, 40}, start));
    CHECK(link.offer({2, 1500}, start + 1ms));
}

TEST_CASE("the link holds no more than max_packets")
{
    auto link = link_with("delay=10s");
    for (std::uint32_t i = 0; i < LinkDirection::max_packets; ++i)
        REQUIRE(link.offer({i, 40}, start));
    CHECK_FALSE(link.offer({0, 40}, start));
    CHECK(link.counters().dropped_queue == 1);
}

TEST_CASE("jitter uses all of its range and no more")
{
    auto link = link_with("delay=20ms jitter=5ms");
    Duration least = 1s;
    Duration most{};
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const auto sent = i * 100ms; // far apart, so that no packet holds up the next
        CHECK(link.offer({i, 100}, start + sent));
        for (const auto& packet : drain(link, start + sent + 99ms)) {
            least = std::min(least, packet.at - sent);
            most = std::max(most, packet.at - sent);
        }
    }
    CHECK(link.counters().packets == 1000);
    CHECK(least >= 15ms);
    CHECK(least < 15100us);
    CHECK(most > 24900us);
    CHECK(most <= 25ms);
}

TEST_CASE("jitter keeps the order of packets")
{
    auto busy = link_with("delay=20ms jitter=20ms");
    for (std::uint32_t i = 0; i < 1000; ++i) CHECK(busy.offer({i, 100}, start + i * 1ms));
    const auto seen = drain(busy, start + 10s);
    REQUIRE(seen.size() == 1000);
    for (std::uint32_t i = 0; i < 1000; ++i) CHECK(seen[i].slot == i);
}

TEST_CASE("a shorter delay does not let packets overtake")
{
    auto link = link_with("delay=300ms");
    CHECK(link.offer({0, 100}, start));
    link.configure(change_settings({}, "delay=1ms").settings, std::nullopt, start + 10ms);
    CHECK(link.offer({1, 100}, start + 10ms));
    const auto seen = drain(link, start + 1s);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].slot == 0);
    CHECK(seen[1].at == 300ms);
}

TEST_CASE("a new rate holds for the packets that still wait")
{
    auto link = link_with("rate=1200k queue=10s"); // 10 ms each
    for (std::uint32_t i = 0; i < 10; ++i) CHECK(link.offer({i, 1500}, start));
    const auto change = change_settings(link.settings(), "rate=12M");
    link.configure(change.settings, std::nullopt, start + 15ms);
    const auto seen = drain(link, start + 1s);
    REQUIRE(seen.size() == 10);
    CHECK(seen[1].at == 20ms); // it was being sent when the rate changed
    CHECK(seen[2].at == 21ms);
    CHECK(seen[9].at == 28ms);
}

TEST_CASE("a blackhole drops what arrives and what would come out, and ends")
{
    auto link = link_with("delay=10ms");
    CHECK(link.offer({0, 100}, start));
    link.configure(change_settings(link.settings(), "blackhole=on").settings, std::nullopt, start);
    CHECK_FALSE(link.offer({1, 100}, start + 1ms));
    const auto seen = drain(link, start + 20ms);
    REQUIRE(seen.size() == 1); // the owner gets its slot back
    CHECK(seen[0].fate == Fate::blackholed);
    CHECK(link.counters().dropped_blackhole == 2);
    CHECK(link.counters().packets == 0);

    link.configure(change_settings(link.settings(), "blackhole=off").settings, std::nullopt,
                   start + 30ms);
    CHECK(link.offer({2, 100}, start + 30ms));
    CHECK(drain(link, start + 40ms).size() == 1);
    CHECK(link.counters().packets == 1);
}

TEST_CASE("a stall keeps what is queued and sends it at the rate when it ends")
{
    auto link = link_with("rate=12M");
    link.configure(change_settings(link.settings(), "stall=on").settings, std::nullopt, start);
    CHECK(link.offer({0, 1500}, start));
    CHECK(link.offer({1, 1500}, start));
    CHECK_FALSE(link.next_due());
    CHECK(drain(link, start + 200ms).empty());
    CHECK(link.queue_bytes() == 3000);

    link.configure(change_settings(link.settings(), "stall=off").settings, std::nullopt,
                   start + 300ms);
    const auto seen = drain(link, start + 301ms);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].at == 300ms);
    CHECK(seen[1].at == 301ms);
    CHECK(seen[1].fate == Fate::delivered);
}

TEST_CASE("a lost packet uses up rate and gives its slot back")
{
    auto link = link_with("rate=12M loss=100%");
    CHECK(link.offer({5, 1500}, start));
    const auto seen = drain(link, start + 1s);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].slot == 5);
    CHECK(seen[0].at == 1ms);
    CHECK(seen[0].fate == Fate::lost);
    CHECK(link.counters().dropped_loss == 1);
}

TEST_CASE("a trace replaces the rate")
{
    LinkDirection link{7};
    const auto change = change_settings({}, "delay=1ms queue=1s trace=some");
    link.configure(change.settings, RateTrace::parse("2\n2\n10\n"), start);
    for (std::uint32_t i = 0; i < 4; ++i) CHECK(link.offer({i, 1500}, start));
    const auto seen = drain(link, start + 1s);
    REQUIRE(seen.size() == 4);
    CHECK(seen[0].at == 3ms);
    CHECK(seen[1].at == 3ms);
    CHECK(seen[2].at == 11ms);
    CHECK(seen[3].at == 13ms); // the trace repeats after its last line
}

} // namespace
} // namespace braid::lab
