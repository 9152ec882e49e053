#include "client/uplink_monitor.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <string>

namespace braid {
namespace {

using test::output_of;
using test::run;

/// A monitor in a network namespace where `wifi` is an uplink in IPv4 and `lte` in both families.
class Watched {
public:
    Watched()
    {
        make("wifi");
        make("lte");
        run("ip address add 10.9.1.2/24 dev wifi; ip address add 10.9.2.2/24 dev lte");
        run("ip -6 address add fd09::2/64 dev lte nodad");
        run("ip route add default via 10.9.1.1 dev wifi metric 100");
        run("ip route add default via 10.9.2.1 dev lte metric 200");
        run("ip -6 route add default via fd09::1 dev lte");
        monitor_ = UplinkMonitor::open(loop_, {.interfaces = {"wifi", "lte"}, .own_tun = "braid0"},
                                       [this] { ++changes_; })
                       .value();
        REQUIRE(comes([this] {
            return wifi().usable() && lte().source(Family::v4) && lte().source(Family::v6);
        }));
    }

    static void make(const std::string& name)
    {
        run("ip link add " + name + " type veth peer name " + name + "p");
        run("ip link set " + name + "p up; ip link set " + name + " up");
    }
    [[nodiscard]] const Uplink& wifi() const { return monitor_->uplinks().at(0); }
    [[nodiscard]] const Uplink& lte() const { return monitor_->uplinks().at(1); }
    [[nodiscard]] int changes() const { return changes_; }
    /// True when the condition holds after a while of events.
    [[nodiscard]] bool comes(const std::function<bool()>& condition, Duration patience = 3s)
    {
        return test::runs_until(loop_, patience, condition);
    }

private:
    test::PrivateNetns netns_;
    test::Inside inside_{netns_};
    Loop loop_;
    int changes_ = 0;
    std::unique_ptr<UplinkMonitor> monitor_;
};

} // namespace

TEST_CASE("the monitor sees a link go down, and up with another route")
{
    Watched watched;
    run("ip link set wifi down");
    CHECK(watched.comes([&] { return !watched.wifi().running && !watched.wifi().route_v4; }));
    run("ip link set wifi up; ip route add default via 10.9.1.1 dev wifi metric 90");
    CHECK(watched.comes([&] { return watched.wifi().usable() && watched.wifi().metric == 90; }));
}

TEST_CASE("the monitor sees a carrier lost and found")
{
    Watched watched;
    run("ip link set wifip down");
    CHECK(watched.comes([&] { return !watched.wifi().running; }));
    CHECK(watched.wifi().route_v4);
    CHECK_FALSE(watched.wifi().usable());
    run("ip link set wifip up");
    CHECK(watched.comes([&] { return watched.wifi().usable(); }));
}

TEST_CASE("the monitor sees an address deleted, and infers that its route has gone")
{
    Watched watched;
    SUBCASE("the only one")
    {
        run("ip address del 10.9.1.2/24 dev wifi");
        CHECK(watched.comes([&] { return watched.wifi().addresses.empty(); }));
        CHECK(watched.comes([&] { return !watched.wifi().route_v4; }));
    }
    SUBCASE("one of two, which the route preferred")
    {
        run("ip address add 10.9.3.2/24 dev wifi");
        run("ip route replace default via 10.9.1.1 dev wifi metric 100 src 10.9.3.2");
        CHECK(watched.comes([&] { return watched.wifi().addresses.size() == 2; }));
        run("ip address del 10.9.3.2/24 dev wifi");
        CHECK(watched.comes([&] { return !watched.wifi().route_v4; }));
    }
    CHECK(output_of("ip route show default dev wifi").empty());
}

TEST_CASE("the monitor counts a new IPv6 address when no other host has it")
{
    Watched watched;
    run("ip -6 address add fd09:1::2/64 dev wifi; ip -6 route add default via fd09:1::1 dev wifi "
        "metric 900");
    CHECK(watched.comes([&] { return watched.wifi().route_v6; }));
    CHECK_FALSE(watched.wifi().source(Family::v6)); // Tentative for one or two seconds.
    CHECK(watched.comes([&] { return watched.wifi().source(Family::v6); }, 5s));
}

TEST_CASE("the monitor sees a route replaced by another device's")
{
    Watched watched;
    run("ip route replace default via 10.9.2.1 dev lte metric 100");
    CHECK(watched.comes([&] { return !watched.wifi().route_v4 && watched.lte().metric == 100; }));
}

TEST_CASE("the monitor sees another gateway on the same route")
{
    Watched watched;
    CHECK(watched.wifi().gateway_v4 == test::address("10.9.1.1"));
    CHECK(watched.lte().gateway_v6 == test::address("fd09::1"));
    run("ip route replace default via 10.9.1.9 dev wifi metric 100");
    CHECK(watched.comes([&] { return watched.wifi().gateway_v4 == test::address("10.9.1.9"); }));
}

TEST_CASE("the monitor follows a multipath route of which one device goes down and up")
{
    Watched watched;
    run("ip route del default dev wifi; ip route del default dev lte");
    run("ip route add default nexthop via 10.9.1.1 dev wifi nexthop via 10.9.2.1 dev lte");
    CHECK(watched.comes([&] { return watched.wifi().usable() && watched.wifi().metric == 0; }));
    CHECK(watched.lte().source(Family::v4));
    CHECK(watched.wifi().gateway_v4 == test::address("10.9.1.1"));
    CHECK(watched.lte().gateway_v4 == test::address("10.9.2.1"));
    run("ip link set wifi down");
    CHECK(watched.comes([&] { return !watched.wifi().usable(); }));
    run("ip link set wifi up");
    CHECK(watched.comes([&] { return watched.wifi().usable(); }));
}

TEST_CASE("the monitor sees a device deleted and made anew")
{
    Watched watched;
    run("ip link del wifi");
    CHECK(watched.comes(
        [&] { return watched.wifi() == Uplink{.interface = "wifi", .addresses = {}}; }));
    Watched::make("wifi");
    CHECK(watched.comes([&] { return watched.wifi().running; }));
    CHECK_FALSE(watched.wifi().usable());
}

TEST_CASE("the monitor does not tell of events that change nothing")
{
    Watched watched;
    const int before = watched.changes();
    run("ip link add other type veth peer name otherp; ip link set other up");
    run("ip route add 10.77.0.0/16 via 10.9.1.1; ip address add 10.9.9.9/24 dev other");
    CHECK_FALSE(watched.comes([&] { return watched.changes() != before; }, 300ms));
}

TEST_CASE("the monitor survives more events than its socket holds")
{
    Watched watched;
    run("for n in $(seq 1 3000); do echo \"route add 10.88.$((n / 250)).$((n % 250))/32 "
        "dev wifi\"; done | ip -batch -");
    run("ip route del default dev wifi");
    CHECK(watched.comes([&] { return !watched.wifi().route_v4; }));
    CHECK(watched.lte().usable());
}

} // namespace braid
