#include "server/stall_verdict.hpp"

#include "tests/unit/netns.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using Conviction = StallVerdict::Conviction;

constexpr std::uint64_t packet = 1400;
const Endpoint own = endpoint("203.0.113.1:8684");

/// A lane that sends a packet into each of its subflows in every round. A path that works
/// acknowledges the packet a round later; its round trip is 5 ms.
struct Lane {
    struct Path {
        mptcp::Subflow flow;
        bool works = true;
        bool used = true;
    };

    void add(const std::string& remote)
    {
        Path path;
        path.flow.local = own;
        path.flow.remote = endpoint(remote);
        path.flow.tcp_state = 1;
        path.flow.rtt_us = 5000;
        paths[remote] = path;
    }
    [[nodiscard]] std::optional<Conviction> round(Duration after = StallClock::round)
    {
        now += after;
        std::vector<mptcp::Subflow> living;
        for (auto& [name, path] : paths) {
            if (path.works) acknowledge(path.flow);
            if (path.used) send(path.flow);
            living.push_back(path.flow);
        }
        return verdict.look(now, living);
    }
    /// The first conviction within the time.
    [[nodiscard]] std::optional<Conviction> runs(Duration time)
    {
        for (const TimePoint end = now + time; now < end;)
            if (auto convicted = round()) return convicted;
        return std::nullopt;
    }

    std::map<std::string, Path> paths;
    StallVerdict verdict;
    TimePoint now = TimePoint{} + 1h;

private:
    static void acknowledge(mptcp::Subflow& flow)
    {
        flow.bytes_acked = flow.bytes_sent;
        flow.delivered += flow.unacked;
        flow.unacked = 0;
    }
    static void send(mptcp::Subflow& flow)
    {
        flow.bytes_sent += packet;
        ++flow.unacked;
    }
};

const std::string wifi = "198.51.100.1:4000";
const std::string lte = "198.51.100.2:5000";

Lane lane_of_two()
{
    Lane lane;
    lane.add(wifi);
    lane.add(lte);
    REQUIRE_FALSE(lane.runs(1s));
    return lane;
}

} // namespace

TEST_CASE("a subflow that swallows everything is convicted soon, for the sake of the other")
{
    Lane lane = lane_of_two();
    const TimePoint cut = lane.now;
    lane.paths[wifi].works = false;
    const auto convicted = lane.runs(1s);
    REQUIRE(convicted);
    CHECK(convicted->local == own);
    CHECK(convicted->remote == endpoint(wifi));
    CHECK(convicted->silent >= StallClock::least_patience);
    CHECK(lane.now - cut <= 100ms);
}

TEST_CASE("the last living subflow is never convicted")
{
    Lane lane = lane_of_two();
    lane.paths[wifi].works = lane.paths[lte].works = false;
    CHECK_FALSE(lane.runs(5s));
    Lane alone;
    alone.add(wifi);
    REQUIRE_FALSE(alone.runs(1s));
    alone.paths[wifi].works = false;
    CHECK_FALSE(alone.runs(5s));
}

TEST_CASE("a subflow that is not established yet is no reason to cut another")
{
    Lane lane = lane_of_two();
    lane.paths[lte].flow.tcp_state = 2;
    lane.paths[lte].used = false;
    lane.paths[wifi].works = false;
    CHECK_FALSE(lane.runs(2s));
    lane.paths[lte].flow.tcp_state = 1;
    CHECK(lane.runs(100ms));
}

TEST_CASE("a subflow that owes nothing is never convicted, and may take over")
{
    Lane lane = lane_of_two();
    lane.paths[lte].used = false;
    REQUIRE_FALSE(lane.runs(100ms));
    lane.paths[lte].works = false; // nobody knows
    CHECK_FALSE(lane.runs(2s));
    lane.paths[wifi].works = false;
    const auto convicted = lane.runs(200ms);
    REQUIRE(convicted);
    CHECK(convicted->remote == endpoint(wifi));
}

TEST_CASE("rounds that come late convict nobody")
{
    Lane lane = lane_of_two();
    lane.paths[wifi].works = false;
    for (int i = 0; i < 100; ++i) CHECK_FALSE(lane.round(30ms));
}

TEST_CASE("for a while after a late look all ways are waited for that much longer")
{
    Lane lane = lane_of_two();
    lane.verdict.came_late(lane.now, 40ms);
    lane.verdict.came_late(lane.now, 15ms);
    lane.paths[wifi].works = false;
    CHECK_FALSE(lane.runs(80ms));
    CHECK(lane.runs(60ms));
    Lane later = lane_of_two();
    later.verdict.came_late(later.now, 40ms);
    REQUIRE_FALSE(later.runs(Lateness::counts_for));
    later.paths[wifi].works = false;
    CHECK(later.runs(100ms));
}

TEST_CASE("what has gone is not waited for, and what waits is looked at again")
{
    Lane lane = lane_of_two();
    lane.paths[wifi].works = false;
    REQUIRE_FALSE(lane.runs(20ms));
    CHECK(lane.verdict.waits());
    CHECK_FALSE(lane.verdict.look(lane.now + 5ms, {}));
    CHECK_FALSE(lane.verdict.waits());
}

TEST_CASE("a way that twice works again within a second has gaps, which are waited for from then on")
{
    Lane lane = lane_of_two();
    std::string way = wifi;
    for (const char* again : {"198.51.100.1:4001", "198.51.100.1:4002"}) {
        lane.paths[way].works = false;
        REQUIRE(lane.runs(300ms));
        lane.paths.erase(way);
        REQUIRE_FALSE(lane.runs(150ms));
        // The same address, another port: the client has made the subflow again.
        way = again;
        lane.add(way);
        REQUIRE_FALSE(lane.runs(200ms));
    }
    lane.paths[way].works = false;
    CHECK_FALSE(lane.runs(200ms));
    CHECK(lane.runs(400ms));
}

TEST_CASE("an outage of seconds is no gap: the next one is found as soon")
{
    Lane lane = lane_of_two();
    lane.paths[wifi].works = false;
    REQUIRE(lane.runs(200ms));
    lane.paths.erase(wifi);
    REQUIRE_FALSE(lane.runs(3s));
    lane.add(wifi);
    REQUIRE_FALSE(lane.runs(200ms));
    lane.paths[wifi].works = false;
    CHECK(lane.runs(120ms));
}
