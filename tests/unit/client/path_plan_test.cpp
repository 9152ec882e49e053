#include "client/path_plan.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

namespace braid {
namespace {

using test::address;
using test::endpoint;

const Endpoint server = endpoint("203.0.113.1:8684");
const Endpoint server_v6 = endpoint("[2001:db8::1]:8684");

RankedUplink ranked(int index, Priority priority)
{
    const std::string number = std::to_string(index);
    Uplink uplink{.interface = "up" + number,
                  .index = index,
                  .running = true,
                  .addresses = {address("10.0." + number + ".2")}};
    uplink.route_v4 = true;
    return {.uplink = std::move(uplink), .priority = priority};
}

/// "up1 up2*": the planned uplinks in order, those on stand-by with a star.
std::string names(const std::vector<WantedSubflow>& plan)
{
    std::string text;
    for (const auto& each : plan)
        text += (text.empty() ? "" : " ") + each.interface + (each.backup ? "*" : "");
    return text;
}

std::string plan_of(Policy policy, const std::vector<Priority>& priorities)
{
    std::vector<RankedUplink> uplinks;
    for (const Priority priority : priorities)
        uplinks.push_back(ranked(static_cast<int>(uplinks.size()) + 1, priority));
    return names(plan_subflows(uplinks, {.policy = policy}, server, {server}));
}

} // namespace

TEST_CASE("priorities and policy decide which subflows stand by")
{
    using enum Priority;
    struct Case {
        Policy policy;
        std::vector<Priority> priorities;
        const char* plan;
    };
    for (const auto& [policy, priorities, plan] : std::vector<Case>{
             {Policy::aggregate, {primary, secondary, backup, never}, "up1 up2* up3*"},
             {Policy::handover, {primary, secondary, backup, never}, "up1 up2* up3*"},
             {Policy::interactive, {primary, secondary, backup, never}, "up1 up2* up3*"},
             {Policy::aggregate, {primary, primary}, "up1 up2"},
             {Policy::handover, {secondary, primary, primary}, "up1* up2 up3*"},
             {Policy::interactive, {secondary, primary, primary}, "up1* up2 up3"},
             {Policy::aggregate, {backup, backup}, "up1 up2"},
             {Policy::aggregate, {secondary, backup}, "up1 up2*"},
             {Policy::interactive, {secondary, backup}, "up1 up2*"},
             {Policy::handover, {backup, secondary}, "up1* up2"},
             {Policy::aggregate, {never}, ""},
         })
        CHECK(plan_of(policy, priorities) == plan);
}

TEST_CASE("in handover the first primary that is usable is the active one")
{
    auto down = ranked(1, Priority::primary);
    down.uplink.running = false;
    const auto plan =
        plan_subflows({down, ranked(2, Priority::primary), ranked(3, Priority::primary)},
                      {.policy = Policy::handover}, server, {server});
    CHECK(names(plan) == "up2 up3*");
}

TEST_CASE("at most eight subflows are planned, the least liked are left out")
{
    using enum Priority;
    CHECK(plan_of(Policy::aggregate, {primary, backup, primary, primary, secondary, primary,
                                      primary, primary, primary, backup}) ==
          "up1 up3 up4 up5* up6 up7 up8 up9");
}

TEST_CASE("a subflow has the lane's family, else the other one that the server has")
{
    auto uplink = ranked(1, Priority::primary);
    uplink.uplink.addresses.push_back(address("2001:db8:1::2"));
    uplink.uplink.route_v6 = true;
    const auto one = [&](const Endpoint& remote, const std::vector<Endpoint>& servers) {
        const auto plan = plan_subflows({uplink}, {}, remote, servers);
        return plan.empty() ? "" : plan[0].local.text() + " " + plan[0].remote.text();
    };
    CHECK(one(server, {server_v6, server}) == "10.0.1.2 203.0.113.1:8684");
    CHECK(one(server_v6, {server_v6, server}) == "2001:db8:1::2 [2001:db8::1]:8684");
    uplink.uplink.route_v4 = false;
    CHECK(one(server, {server, server_v6}) == "2001:db8:1::2 [2001:db8::1]:8684");
    CHECK(one(server, {server}).empty());
}

TEST_CASE("health decides too: what is lost is left out, what stalls stands by")
{
    using enum Priority;
    using enum Health;
    struct Case {
        Policy policy;
        std::vector<std::pair<Priority, Health>> uplinks;
        const char* plan;
    };
    for (const auto& [policy, uplinks, plan] : std::vector<Case>{
             {Policy::aggregate, {{primary, lost}, {primary, good}}, "up2"},
             {Policy::aggregate, {{primary, lost}, {secondary, good}, {backup, good}}, "up2 up3*"},
             {Policy::aggregate, {{primary, lost}, {backup, good}}, "up2"},
             {Policy::aggregate, {{primary, stalled}, {primary, good}}, "up1* up2"},
             {Policy::aggregate, {{primary, stalled}, {backup, good}}, "up1* up2"},
             {Policy::aggregate, {{primary, stalled}, {backup, stalled}}, "up1 up2*"},
             {Policy::aggregate, {{primary, poor}, {backup, good}}, "up1 up2*"},
             {Policy::aggregate, {{primary, lost}, {primary, lost}}, "up1 up2"},
             {Policy::handover, {{primary, lost}, {backup, good}}, "up2"},
             {Policy::handover, {{primary, stalled}, {backup, good}}, "up1* up2"},
             {Policy::handover, {{primary, stalled}, {backup, stalled}}, "up1 up2*"},
             {Policy::handover, {{primary, poor}, {backup, good}}, "up1 up2*"},
             {Policy::interactive, {{primary, poor}, {backup, good}}, "up1 up2"},
             {Policy::interactive, {{primary, poor}, {primary, good}, {backup, good}},
              "up1 up2 up3*"},
             {Policy::interactive, {{primary, stalled}, {backup, good}}, "up1* up2"},
         }) {
        std::vector<RankedUplink> all;
        for (const auto& [priority, health] : uplinks) {
            all.push_back(ranked(static_cast<int>(all.size()) + 1, priority));
            all.back().health = health;
        }
        CHECK(names(plan_subflows(all, {.policy = policy}, server, {server})) == plan);
    }
}

TEST_CASE("an uplink that has used up its rate stands by, unless nothing better works")
{
    using enum Priority;
    std::vector uplinks{ranked(1, primary), ranked(2, backup)};
    const auto plan = [&](Policy policy) {
        return names(plan_subflows(uplinks, {.policy = policy}, server, {server}));
    };
    uplinks[0].spent = true;
    CHECK(plan(Policy::aggregate) == "up1* up2");
    CHECK(plan(Policy::handover) == "up1* up2");
    uplinks[1].health = Health::lost;
    CHECK(plan(Policy::aggregate) == "up1");
    uplinks[1].health = Health::good;
    uplinks[1].spent = true;
    CHECK(plan(Policy::aggregate) == "up1 up2*");
    CHECK(plan(Policy::handover) == "up1 up2*");
}

TEST_CASE("a secondary uplink takes part while the primary ones are full")
{
    using enum Priority;
    const std::vector<RankedUplink> uplinks{ranked(1, primary), ranked(2, secondary),
                                            ranked(3, backup)};
    const auto plan = [&](Policy policy, bool full) {
        return names(plan_subflows(uplinks, {.policy = policy, .primaries_full = full}, server,
                                   {server}));
    };
    CHECK(plan(Policy::aggregate, false) == "up1 up2* up3*");
    CHECK(plan(Policy::aggregate, true) == "up1 up2 up3*");
    CHECK(plan(Policy::handover, true) == "up1 up2* up3*");
}

} // namespace braid
