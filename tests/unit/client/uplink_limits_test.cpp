#include "client/uplink_limits.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using test::endpoint;

constexpr TimePoint start{1h};
constexpr std::uint64_t rate_bps = 8'000'000; ///< a bucket of 250 kB
constexpr std::uint64_t too_much = 250'000;

/// Uplinks with a subflow each, and what they have carried.
struct Fixture {
    Fixture() { uplinks.reserve(2); } // add() yields references

    RankedUplink& add(const std::string& interface, std::optional<std::uint64_t> limit_bps)
    {
        SubflowView flow{.interface = interface, .subflow = {}};
        const auto number = std::to_string(living.size() + 1);
        flow.subflow.local = endpoint("10.0." + number + ".2:4000");
        flow.subflow.remote = endpoint("203.0.113.1:8684");
        flow.subflow.tcp_state = 1;
        living.push_back(flow);
        RankedUplink uplink;
        uplink.uplink.interface = interface;
        uplink.limit_bps = limit_bps;
        uplinks.push_back(uplink);
        return uplinks.back();
    }
    /// So much more has been carried, half of it each way.
    bool carry(std::size_t index, std::uint64_t bytes, TimePoint now = start)
    {
        limits.set(uplinks);
        look(now);
        living[index].subflow.bytes_sent += bytes / 2;
        living[index].subflow.bytes_received += bytes / 2;
        return look(now);
    }
    bool look(TimePoint now)
    {
        ledger.update(living);
        return limits.look(now, ledger);
    }
    [[nodiscard]] bool exhausted() const { return limits.exhausted(uplinks, living); }

    std::vector<RankedUplink> uplinks;
    std::vector<SubflowView> living;
    TrafficLedger ledger;
    UplinkLimits limits;
};

} // namespace

TEST_CASE("bytes of both ways count, of the limited uplink only")
{
    Fixture fixture;
    fixture.add("wifi", std::nullopt);
    fixture.add("lte", rate_bps);
    CHECK_FALSE(fixture.carry(0, 10 * too_much));
    CHECK(fixture.limits.all_full());
    CHECK_FALSE(fixture.carry(1, too_much / 2));
    CHECK_FALSE(fixture.limits.all_full());
    CHECK(fixture.carry(1, too_much / 2));
    CHECK(fixture.limits.spent("lte"));
    CHECK_FALSE(fixture.limits.spent("wifi"));
    CHECK(fixture.look(start + 130ms));
    CHECK_FALSE(fixture.limits.spent("lte"));
}

TEST_CASE("an uplink keeps its bucket while its limit stays the same")
{
    Fixture fixture;
    auto& lte = fixture.add("lte", rate_bps);
    REQUIRE(fixture.carry(0, too_much));
    fixture.limits.set(fixture.uplinks);
    CHECK(fixture.limits.spent("lte"));
    lte.limit_bps = 2 * rate_bps;
    fixture.limits.set(fixture.uplinks);
    CHECK_FALSE(fixture.limits.spent("lte"));
    lte.limit_bps.reset();
    fixture.limits.set(fixture.uplinks);
    CHECK(fixture.limits.none());
}

TEST_CASE("the lane waits only for a limit that nothing else can stand in for")
{
    Fixture fixture;
    auto& wifi = fixture.add("wifi", std::nullopt);
    fixture.add("lte", rate_bps);
    REQUIRE(fixture.carry(1, too_much));
    fixture.living[1].subflow.backup = true;
    CHECK_FALSE(fixture.exhausted());
    SUBCASE("the other does not answer")
    {
        wifi.health = Health::lost;
        CHECK_FALSE(fixture.exhausted()); // until the plan has made use of the limited one
        fixture.living[1].subflow.backup = false;
    }
    SUBCASE("the other is silent for a moment")
    {
        wifi.health = Health::stalled;
        fixture.living[0].subflow.backup = true;
    }
    SUBCASE("the other's subflow has gone")
    {
        fixture.living.erase(fixture.living.begin());
    }
    SUBCASE("the other's subflow is not established yet")
    {
        fixture.living[0].subflow.tcp_state = 2;
    }
    SUBCASE("the other is limited too")
    {
        wifi.limit_bps = rate_bps;
        CHECK(fixture.carry(0, too_much));
    }
    CHECK(fixture.exhausted());
}

TEST_CASE("the lane waits no longer than until the bucket is not empty any more")
{
    Fixture fixture;
    fixture.add("lte", rate_bps);
    REQUIRE(fixture.carry(0, too_much));
    CHECK(fixture.exhausted());
    fixture.look(start + 5ms);
    CHECK(fixture.limits.spent("lte"));
    CHECK_FALSE(fixture.exhausted());
}

TEST_CASE("the rate of some uplinks is the sum of theirs, where all are limited")
{
    Fixture fixture;
    fixture.add("wifi", 2 * rate_bps);
    fixture.add("lte", rate_bps);
    fixture.limits.set(fixture.uplinks);
    CHECK(fixture.limits.rate_of({"lte"}) == rate_bps);
    CHECK(fixture.limits.rate_of({"wifi", "lte"}) == 3 * rate_bps);
    CHECK(fixture.limits.rate_of({"wifi", "dsl"}) == std::nullopt);
    CHECK(fixture.limits.rate_of({}) == std::nullopt);
}

} // namespace braid
