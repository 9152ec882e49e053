#include "client/path_control.hpp"
#include "tests/unit/client/path_lane.hpp"
#include "tests/unit/netns.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <set>
#include <string>

namespace braid {
namespace {

using test::address;
using test::endpoint;
using test::established;
using test::flow;
using test::Lane;
using test::lane_of_two;
using test::server;
using test::start;
using test::syn_sent;
using test::text;
using test::wanted;

} // namespace

TEST_CASE("what is missing is created at once, each address with an id of its own")
{
    Lane lane;
    lane.plan = {wanted(1), wanted(2), wanted(3, true)};
    CHECK(lane.step() == "+2#1 +3#2*");
    CHECK(lane.step().empty());
    CHECK(lane.step_after(2999ms).empty());
}

TEST_CASE("a subflow that does not come is tried again after growing delays")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    for (const auto delay : {500ms, 1000ms, 2000ms, 4000ms, 4000ms, 4000ms}) {
        CHECK(lane.step_after(PathControl::patience).empty());
        CHECK(lane.step_after(delay - 1ms).empty());
        CHECK(lane.step_after(1ms) == "+2#1");
    }
}

TEST_CASE("a subflow whose SYN goes unanswered is cut and tried again with a new id")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    lane.living.push_back(flow(2, 5000, syn_sent));
    CHECK(lane.step_after(2999ms).empty());
    CHECK(lane.step_after(1ms) == "-2:5000#1");
    lane.living.pop_back();
    CHECK(lane.step_after(499ms).empty());
    CHECK(lane.step_after(1ms) == "+2#2");
}

TEST_CASE("a subflow refused in its handshake is tried again half a second later")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    lane.living.push_back(flow(2, 5000, syn_sent));
    CHECK(lane.step_after(10ms).empty());
    lane.living.pop_back();
    CHECK(lane.step_after(10ms).empty());
    CHECK(lane.step_after(499ms).empty());
    CHECK(lane.step_after(1ms) == "+2#1");
}

TEST_CASE("a subflow that keeps closing is re-created ever more seldom, with its old id")
{
    auto lane = lane_of_two();
    std::uint16_t port = 5000;
    for (const auto delay : {500ms, 1000ms, 2000ms, 4000ms, 4000ms, 4000ms}) {
        lane.living.pop_back();
        CHECK(lane.step_after(1ms).empty());
        CHECK(lane.step_after(delay - 1ms).empty());
        CHECK(lane.step_after(1ms) == "+2#1");
        lane.living.push_back(flow(2, ++port));
        CHECK(lane.step_after(1ms).empty());
    }
}

TEST_CASE("a subflow that held for ten seconds starts with the shortest delay again")
{
    auto lane = lane_of_two();
    lane.living.pop_back();
    lane.step();
    CHECK(lane.step_after(500ms) == "+2#1");
    lane.living.push_back(flow(2, 5001));
    lane.step();
    CHECK(lane.step_after(PathControl::settled_after).empty());
    lane.living.pop_back();
    CHECK(lane.step().empty());
    CHECK(lane.step_after(500ms) == "+2#1");
}

TEST_CASE("the first subflow comes back with an id of its own when it went by itself")
{
    auto lane = lane_of_two();
    lane.living.erase(lane.living.begin());
    CHECK(lane.step().empty());
    CHECK(lane.step_after(500ms) == "+1#2");
}

TEST_CASE("a subflow that lost its uplink is cut while another lives")
{
    auto lane = lane_of_two();
    lane.plan = {wanted(2)};
    CHECK(lane.step() == "-1:4000#0");
    lane.living.erase(lane.living.begin());
    CHECK(lane.step().empty());
    lane.plan = {wanted(1), wanted(2)};
    CHECK(lane.step() == "+1#2");
}

TEST_CASE("a cut that does not show is not repeated before 200 ms")
{
    auto lane = lane_of_two();
    lane.plan = {wanted(1)};
    CHECK(lane.step() == "-2:5000#1");
    CHECK(lane.step_after(199ms).empty());
    CHECK(lane.step_after(1ms) == "-2:5000#1");
}

TEST_CASE("an uplink that returns while its old subflow is dying gets a new one at once")
{
    auto lane = lane_of_two();
    lane.plan = {wanted(1)};
    CHECK(lane.step() == "-2:5000#1");
    lane.plan = {wanted(1), wanted(2)};
    CHECK(lane.step_after(10ms) == "+2#2");
}

TEST_CASE("the last living subflow is never cut")
{
    Lane lane;
    lane.plan = {};
    CHECK(lane.step().empty());
    lane.plan = {wanted(2)};
    CHECK(lane.step() == "+2#1");
    lane.living.push_back(flow(2, 5000, syn_sent));
    CHECK(lane.step().empty());
    lane.living.back().tcp_state = established;
    CHECK(lane.step() == "-1:4000#0");
}

TEST_CASE("of two subflows that lose their uplinks together none is cut")
{
    auto lane = lane_of_two();
    lane.plan = {};
    CHECK(lane.step().empty());
    lane.plan = {wanted(1)};
    CHECK(lane.step() == "-2:5000#1");
}

TEST_CASE("when the last subflow loses its uplink, what waits is tried at once, and once only")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    CHECK(lane.step_after(PathControl::patience).empty());
    lane.plan = {wanted(2)};
    CHECK(lane.step_after(1ms) == "+2#1");
    CHECK(lane.step_after(PathControl::patience).empty());
    CHECK(lane.step_after(1ms).empty());
}

TEST_CASE("while nothing carries the lane, what waits is tried every half second")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    for (const auto delay : {500ms, 1000ms, 2000ms}) {
        lane.control.closed(lane.now, wanted(2).local, server.address);
        CHECK(lane.step_after(delay) == "+2#1");
    }
    lane.control.closed(lane.now, wanted(2).local, server.address);

    CHECK(lane.step_after(100ms).empty());
    lane.control.set_carried(lane.now, false);
    CHECK(lane.control.due() == lane.now + 400ms); // after the last try
    CHECK(lane.step_after(399ms).empty());
    for (int i = 0; i < 10; ++i) {
        CHECK(lane.step_after(i == 0 ? 1ms : 500ms) == "+2#1");
        lane.control.closed(lane.now, wanted(2).local, server.address);
    }

    lane.control.set_carried(lane.now, true);
    CHECK(lane.step_after(500ms) == "+2#1");
    lane.control.closed(lane.now, wanted(2).local, server.address);
    CHECK(lane.step_after(999ms).empty());
    CHECK(lane.step_after(1ms) == "+2#1");
}

TEST_CASE("another device with the same address replaces the last subflow in one step")
{
    Lane lane;
    lane.plan = {wanted(1)};
    CHECK(lane.step().empty());
    lane.plan[0].index = 7;
    CHECK(lane.step() == "-1:4000#0 +1#1");
}

TEST_CASE("a subflow to another address of the server is not the wanted one")
{
    auto lane = lane_of_two();
    lane.plan[1].remote = endpoint("203.0.113.9:8684");
    CHECK(lane.step() == "-2:5000#1 +2#2");
}

TEST_CASE("backup flags follow the plan, once for each change")
{
    auto lane = lane_of_two();
    lane.plan[1].backup = true;
    CHECK(lane.step() == "2:5000*");
    CHECK(lane.step().empty());
    CHECK(lane.control.is_backup({wanted(2).local, 5000}));
    lane.plan[1].backup = false;
    CHECK(lane.step() == "2:5000");
    CHECK_FALSE(lane.control.is_backup({wanted(2).local, 5000}));
}

TEST_CASE("a subflow created as backup needs no flag")
{
    Lane lane;
    lane.plan[1].backup = true;
    CHECK(lane.step() == "+2#1*");
    lane.living.push_back(flow(2, 5000));
    CHECK(lane.step().empty());
    CHECK(lane.control.is_backup({wanted(2).local, 5000}));
}

TEST_CASE("the first subflow is told that it is a backup, whatever was thought of it")
{
    for (const bool thought : {false, true}) {
        PathControl control{wanted(1).local, thought};
        CHECK(text(control.step(start, {wanted(1, true)}, {flow(1, 4000)})) == "1:4000*");
        CHECK(control.step(start, {wanted(1, true)}, {flow(1, 4000)}).empty());
    }
}

TEST_CASE("a flag that the kernel refused is set again")
{
    auto lane = lane_of_two();
    lane.plan[1].backup = true;
    const auto steps = lane.control.step(lane.now, lane.plan, lane.living);
    REQUIRE(text(steps) == "2:5000*");
    lane.control.failed(lane.now, steps[0]);
    CHECK(lane.step() == "2:5000*");
}

TEST_CASE("a creation that the kernel refused waits like one that failed later")
{
    Lane lane;
    const auto steps = lane.control.step(lane.now, lane.plan, lane.living);
    REQUIRE(text(steps) == "+2#1");
    lane.control.failed(lane.now, steps[0]);
    CHECK(lane.control.due() == lane.now + 500ms);
    CHECK(lane.step_after(499ms).empty());
    CHECK(lane.step_after(1ms) == "+2#1");
}

TEST_CASE("a subflow that closed before any step saw it is tried again half a second later")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    lane.now += 10ms;
    lane.control.closed(lane.now, wanted(2).local, server.address);
    CHECK(lane.step_after(499ms).empty());
    CHECK(lane.step_after(1ms) == "+2#1");
}

TEST_CASE("a late word of an older subflow's end does not disturb the new one")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    lane.control.closed(lane.now, wanted(2).local, server.address);
    lane.living.push_back(flow(2, 5000, syn_sent));
    CHECK(lane.step_after(500ms).empty());
    CHECK(lane.step_after(2499ms).empty());
    lane.living.back().tcp_state = established;
    CHECK(lane.step().empty());
    CHECK_FALSE(lane.control.due());
}

TEST_CASE("an uplink that is forgiven is tried at once and with short delays again")
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    lane.step_after(PathControl::patience);
    CHECK(lane.step_after(500ms) == "+2#1");
    CHECK(lane.step_after(PathControl::patience).empty());
    lane.control.forgive("up1");
    CHECK(lane.step().empty());
    lane.control.forgive("up2");
    CHECK(lane.step() == "+2#1");
    CHECK(lane.step_after(PathControl::patience).empty());
    CHECK(lane.step_after(500ms) == "+2#1");
}

TEST_CASE("subflows on their way out count as gone")
{
    auto lane = lane_of_two();
    lane.living.back().tcp_state = 8; // CLOSE_WAIT
    CHECK(lane.step().empty());
    CHECK(lane.step_after(500ms) == "+2#1");
}

TEST_CASE("nothing is due while all is well")
{
    auto lane = lane_of_two();
    CHECK_FALSE(lane.control.due());
}

TEST_CASE("ids run from 1 to 254, then those that are free serve again")
{
    auto lane = lane_of_two();
    std::set<std::string> used;
    for (int round = 0; round < 600; ++round) {
        lane.plan = {wanted(1)};
        lane.step_after(1ms);
        lane.living.pop_back();
        lane.plan = {wanted(1), wanted(2)};
        const auto created = lane.step_after(1ms);
        REQUIRE(created.starts_with("+2#"));
        used.insert(created);
        lane.living.push_back(flow(2, static_cast<std::uint16_t>(6000 + round)));
        CHECK(lane.step_after(1ms).empty());
    }
    CHECK(used.size() == 254);
    CHECK_FALSE(used.contains("+2#0"));
    CHECK_FALSE(used.contains("+2#255"));
}

TEST_CASE("addresses that the kernel still knows keep their ids from others")
{
    // Every address comes and goes by itself, so none of its ids becomes free by a cut.
    Lane lane;
    std::set<std::string> used;
    for (int number = 2; number < 256; ++number) {
        lane.plan = {wanted(1), wanted(number)};
        used.insert(lane.step().substr(3));
    }
    CHECK(used.size() == 254);
    lane.plan = {wanted(1),
                 {.interface = "x", .index = 9, .local = address("10.1.0.2"), .remote = server}};
    CHECK(lane.step() == "+0#1");
}

TEST_CASE("a subflow that is of no use is cut and made again, even the last one")
{
    auto lane = lane_of_two();
    CHECK(lane.control.remake(wanted(2).local));
    CHECK(lane.step() == "-2:5000#1 +2#2");
    lane.living.pop_back();
    lane.living.push_back(flow(2, 5001));
    CHECK(lane.step().empty());

    lane.plan.pop_back();
    lane.living.pop_back();
    CHECK(lane.step().empty());
    CHECK(lane.control.remake(std::uint8_t{0})); // by its address id
    CHECK(lane.step() == "-1:4000#0 +1#3");
    CHECK_FALSE(lane.control.remake(address("10.0.9.2")));
}

} // namespace braid
