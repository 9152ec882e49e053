#include "client/targets.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>

namespace braid {
namespace {

using test::address;
using test::endpoint;

/// An uplink that runs, with a default route for each family that it has an address of.
RankedUplink uplink(const char* interface, const std::vector<const char*>& addresses,
                    Priority priority = Priority::primary)
{
    RankedUplink ranked;
    ranked.priority = priority;
    ranked.uplink.interface = interface;
    ranked.uplink.index = 1;
    ranked.uplink.running = true;
    for (const char* text : addresses) {
        ranked.uplink.addresses.push_back(address(text));
        const bool v4 = ranked.uplink.addresses.back().family() == Family::v4;
        (v4 ? ranked.uplink.route_v4 : ranked.uplink.route_v6) = true;
    }
    return ranked;
}

/// One line for each target.
std::string plan(const std::vector<RankedUplink>& uplinks, const std::vector<const char*>& servers)
{
    std::vector<Endpoint> endpoints;
    for (const char* server : servers) endpoints.push_back(endpoint(server));
    std::string text = "\n";
    for (const Target& target : plan_targets(uplinks, endpoints))
        text +=
            target.interface + " " + target.remote.text() + (target.backup ? " backup\n" : "\n");
    return text;
}

} // namespace

TEST_CASE("for each server address every uplink is tried, before the next address")
{
    CHECK(plan({uplink("wifi", {"10.1.0.2"}), uplink("lte", {"10.2.0.2"})},
               {"203.0.113.5:8684", "203.0.113.6:8684"}) == R"(
wifi 203.0.113.5:8684
lte 203.0.113.5:8684
wifi 203.0.113.6:8684
lte 203.0.113.6:8684
)");
}

TEST_CASE("better priorities come first, equal ones in the user's order")
{
    CHECK(plan({uplink("a", {"10.1.0.2"}, Priority::backup),
                uplink("b", {"10.2.0.2"}, Priority::secondary), uplink("c", {"10.3.0.2"}),
                uplink("d", {"10.4.0.2"}, Priority::secondary), uplink("e", {"10.5.0.2"})},
               {"203.0.113.5:8684"}) == R"(
c 203.0.113.5:8684
e 203.0.113.5:8684
b 203.0.113.5:8684
d 203.0.113.5:8684
a 203.0.113.5:8684 backup
)");
}

TEST_CASE("an uplink is tried only for the families that it has")
{
    CHECK(plan({uplink("four", {"10.1.0.2"}), uplink("six", {"2001:db8:1::2"}),
                uplink("both", {"10.2.0.2", "2001:db8:2::2"})},
               {"[2001:db8::5]:8684", "203.0.113.5:8684"}) == R"(
six [2001:db8::5]:8684
both [2001:db8::5]:8684
four 203.0.113.5:8684
both 203.0.113.5:8684
)");
}

TEST_CASE("an uplink that is never used, does not run or has no route is left out")
{
    auto still = uplink("still", {"10.2.0.2"});
    still.uplink.running = false;
    auto unrouted = uplink("unrouted", {"10.3.0.2"});
    unrouted.uplink.route_v4 = false;
    CHECK(plan({uplink("never", {"10.1.0.2"}, Priority::never), still, unrouted, uplink("bare", {}),
                uplink("good", {"10.4.0.2"})},
               {"203.0.113.5:8684"}) == R"(
good 203.0.113.5:8684
)");
}

TEST_CASE("without uplinks or addresses there is nothing to try")
{
    CHECK(plan_targets({}, {endpoint("203.0.113.5:8684")}).empty());
    CHECK(plan_targets({uplink("wifi", {"10.1.0.2"})}, {}).empty());
}

TEST_CASE("an uplink that works but is never used is told from one that does not work")
{
    auto still = uplink("still", {"10.2.0.2"});
    still.uplink.running = false;
    CHECK(why_no_target({}) == "no usable uplink");
    CHECK(why_no_target({still, uplink("bare", {})}) == "no usable uplink");
    CHECK(why_no_target({still, uplink("never", {"10.1.0.2"}, Priority::never)}) ==
          "no uplink may be used");
}

TEST_CASE("a plan has at most 32 targets, the best ones")
{
    std::vector<RankedUplink> uplinks;
    for (const char* name : {"a", "b", "c", "d", "e"})
        uplinks.push_back(uplink(name, {"10.1.0.2"}));
    std::vector<Endpoint> servers;
    for (std::uint16_t port = 1; port <= 8; ++port)
        servers.push_back({address("203.0.113.5"), port});
    const auto targets = plan_targets(uplinks, servers);
    REQUIRE(targets.size() == most_targets);
    CHECK(targets.front() == Target{.interface = "a", .remote = servers[0]});
    CHECK(targets.back() == Target{.interface = "b", .remote = servers[6]});
}

} // namespace braid
