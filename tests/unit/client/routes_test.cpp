#include "client/routes.hpp"

#include "common/sys/fd.hpp"
#include "common/sys/sysctl.hpp"
#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>
#include <tuple>

namespace braid {
namespace {

using namespace std::string_literals;
using test::output_of;
using test::prefix;
using test::run;

const std::vector<Prefix> both_defaults{prefix("0.0.0.0/0"), prefix("::/0")};
const std::vector<Prefix> inner_both{prefix("10.86.0.2/24"), prefix("fd86::2/64")};
const std::vector<Prefix> inner_v4{prefix("10.86.0.2/24")};
const std::vector<Prefix> inner_v6{prefix("fd86::2/64")};

std::string plan_text(const std::vector<Prefix>& routes, const std::vector<Prefix>& inner)
{
    return plan_routing(routes, inner).text("braid0");
}

/// All that the host routes by.
std::string routing()
{
    return output_of("for f in 4 6; do ip -$f rule; ip -$f route show table all | "
                     "grep -v ' dev tun'; done");
}

/// A host with an uplink that has a default route in each family, and a device `tun` with inner
/// addresses. A veth serves as the TUN: for routes there is no difference.
class Host {
public:
    Host()
    {
        run("ip link add up1 type veth peer name peer1");
        run("ip link add tun type veth peer name peer2");
        for (const char* device : {"up1", "peer1", "tun", "peer2"})
            run(std::string{"ip link set "} + device + " addrgenmode none up");
        run("ip address add 192.0.2.2/24 dev up1; ip address add 2001:db8::2/64 dev up1 nodad");
        run("ip route add default via 192.0.2.1 dev up1 metric 100");
        run("ip -6 route add default via 2001:db8::1 dev up1");
        run("ip address add 10.86.0.2/24 dev tun; ip address add fd86::2/64 dev tun nodad");
    }

    [[nodiscard]] static int tun() { return test::index_of("tun"); }
    /// Where a packet to this address goes: "tun", "up1", "unreachable".
    [[nodiscard]] static std::string way_to(const std::string& address,
                                            const std::string& options = "")
    {
        const auto text = output_of("ip route get " + address + " " + options + " 2>&1");
        if (text.find("No route to host") != std::string::npos) return "unreachable";
        const auto device = text.find(" dev ");
        return device == std::string::npos
                   ? text
                   : text.substr(device + 5, text.find(' ', device + 5) - device - 5);
    }

private:
    test::PrivateNetns netns_;
    test::Inside inside_{netns_};
};

} // namespace

TEST_CASE("default routes get a table and two rules for each family")
{
    CHECK(plan_text(both_defaults, inner_both) ==
          "ip -4 route add default dev braid0 table 8684 proto 86 metric 50\n"
          "ip -6 route add default dev braid0 table 8684 proto 86 metric 50\n"
          "ip -4 rule add pref 8684 lookup main suppress_prefixlength 0\n"
          "ip -4 rule add pref 8685 lookup 8684\n"
          "ip -6 rule add pref 8684 lookup main suppress_prefixlength 0\n"
          "ip -6 rule add pref 8685 lookup 8684\n");
}

TEST_CASE("narrower prefixes go into the main table, without rules")
{
    CHECK(plan_text({prefix("10.0.0.0/8"), prefix("2001:db8:7::/48")}, inner_both) ==
          "ip -4 route add 10.0.0.0/8 dev braid0 table main proto 86 metric 50\n"
          "ip -6 route add 2001:db8:7::/48 dev braid0 table main proto 86 metric 50\n");
}

TEST_CASE("IPv6 without an inner address is unreachable instead of leaking")
{
    CHECK(plan_text({prefix("::/0"), prefix("2001:db8:7::/48")}, inner_v4) ==
          "ip -6 route add unreachable default table 8684 proto 86 metric 50\n"
          "ip -6 route add unreachable 2001:db8:7::/48 table main proto 86 metric 50\n"
          "ip -6 rule add pref 8684 lookup main suppress_prefixlength 0\n"
          "ip -6 rule add pref 8685 lookup 8684\n");
}

TEST_CASE("IPv4 without an inner address leads into the tunnel instead of leaking")
{
    CHECK(plan_text({prefix("0.0.0.0/0")}, inner_v6) ==
          "ip -4 route add default dev braid0 table 8684 proto 86 metric 50\n"
          "ip -4 rule add pref 8684 lookup main suppress_prefixlength 0\n"
          "ip -4 rule add pref 8685 lookup 8684\n");
}

TEST_CASE("repeated prefixes and host bits make no difference to the plan")
{
    CHECK(plan_routing({prefix("10.1.2.3/8"), prefix("10.0.0.0/8"), prefix("0.0.0.0/0"),
                        prefix("0.0.0.0/0")},
                       inner_both) ==
          plan_routing({prefix("0.0.0.0/0"), prefix("10.0.0.0/8")}, inner_both));
    CHECK(plan_routing({}, inner_both) == RoutingPlan{});
}

TEST_CASE("the plan's text is what iproute2 shows of what was applied")
{
    const Host host;
    auto routes = Routes::open().value();
    REQUIRE(routes.apply(plan_routing(both_defaults, inner_both), host.tun()));
    CHECK(output_of("ip -4 route show table 8684") ==
          "default dev tun proto 86 scope link metric 50 \n");
    CHECK(output_of("ip -6 route show table 8684") ==
          "default dev tun proto 86 metric 50 pref medium\n");
    for (const char* family : {"-4", "-6"})
        CHECK(output_of(std::string{"ip "} + family + " rule | grep -A1 8684:") ==
              "8684:\tfrom all lookup main suppress_prefixlength 0 proto 86\n"
              "8685:\tfrom all lookup 8684 proto 86\n");
}

TEST_CASE("the Internet goes through the tunnel; the LAN and what is bound to its device do not")
{
    const Host host;
    auto routes = Routes::open().value();
    REQUIRE(routes.apply(plan_routing(both_defaults, inner_both), host.tun()));
    for (const char* address : {"203.0.113.1", "2001:db8:9::1"}) {
        CHECK(host.way_to(address) == "tun");
        CHECK(host.way_to(address, "oif up1") == "up1");
    }
    CHECK(host.way_to("192.0.2.77") == "up1");
    CHECK(host.way_to("2001:db8::77") == "up1");
    CHECK(host.way_to("10.86.0.1") == "tun");
    CHECK(host.way_to("fd86::1") == "tun");
}

TEST_CASE("no family leaks past the tunnel, and bound sockets keep their gateway")
{
    const Host host;
    auto routes = Routes::open().value();
    for (const auto& [inner, way_v4, way_v6] :
         {std::tuple{inner_v4, "tun"s, "unreachable"s}, std::tuple{inner_v6, "tun"s, "tun"s}}) {
        REQUIRE(routes.apply(plan_routing(both_defaults, inner), host.tun()));
        CHECK(host.way_to("203.0.113.1") == way_v4);
        CHECK(host.way_to("2001:db8:9::1") == way_v6);
        CHECK(output_of("ip route get 203.0.113.1 oif up1").find("via 192.0.2.1") !=
              std::string::npos);
        CHECK(output_of("ip route get 2001:db8:9::1 oif up1").find("via 2001:db8::1") !=
              std::string::npos);
    }
}

TEST_CASE("routing is as before when all is removed")
{
    const Host host;
    const auto before = routing();
    auto routes = Routes::open().value();
    auto prefixes = both_defaults;
    prefixes.push_back(prefix("10.0.0.0/8"));
    prefixes.push_back(prefix("2001:db8:7::/48"));
    REQUIRE(routes.apply(plan_routing(prefixes, inner_v4), host.tun()));
    CHECK(routing() != before);
    // From nothing, as after a crash.
    REQUIRE(Routes::open().value().remove_all());
    CHECK(routing() == before);
    CHECK(
        output_of("ip route show table all proto 86; ip -6 route show table all proto 86").empty());
    CHECK(routes.remove_all());
}

TEST_CASE("applying the same plan again changes nothing")
{
    const Host host;
    auto routes = Routes::open().value();
    const auto plan = plan_routing(both_defaults, inner_v4);
    REQUIRE(routes.apply(plan, host.tun()));
    const auto before = routing();
    REQUIRE(routes.apply(plan, host.tun()));
    CHECK(routing() == before);
}

TEST_CASE("a new plan replaces the old one")
{
    const Host host;
    auto routes = Routes::open().value();
    REQUIRE(routes.apply(plan_routing(both_defaults, inner_both), host.tun()));
    REQUIRE(
        routes.apply(plan_routing({prefix("10.0.0.0/8"), prefix("::/0")}, inner_v4), host.tun()));
    CHECK(host.way_to("203.0.113.1") == "up1");
    CHECK(host.way_to("10.7.7.7") == "tun");
    CHECK(host.way_to("2001:db8:9::1") == "unreachable");
    CHECK(output_of("ip rule | grep -c 868[45]") == "0\n");
}

TEST_CASE("other people's routes and rules stay")
{
    const Host host;
    run("ip rule add pref 8684 lookup 55; ip rule add pref 100 fwmark 7 lookup main");
    run("ip route add 10.0.0.0/8 via 192.0.2.1 metric 60 proto 86 table 99");
    run("ip route add 10.0.0.0/8 via 192.0.2.1 metric 50 proto static");
    const auto before = routing();
    auto routes = Routes::open().value();
    REQUIRE(routes.apply(plan_routing(both_defaults, inner_both), host.tun()));
    const auto clash = routes.apply(plan_routing({prefix("10.0.0.0/8")}, inner_both), host.tun());
    REQUIRE_FALSE(clash);
    CHECK(clash.error().code == std::errc::file_exists);
    CHECK(clash.error().hint.find("10.0.0.0/8") != std::string::npos);
    REQUIRE(routes.remove_all());
    CHECK(routing() == before);
}

TEST_CASE("what a tunnel of a former life left behind is repaired")
{
    const Host host;
    {
        auto routes = Routes::open().value();
        REQUIRE(routes.apply(plan_routing(both_defaults, inner_v4), host.tun()));
    }
    run("ip link del tun"); // Its routes go with it; rules and the unreachable default stay.
    run("ip link add tun type veth peer name peer2; ip link set tun up; ip link set peer2 up");
    auto routes = Routes::open().value();
    REQUIRE(routes.apply(plan_routing(both_defaults, inner_both), host.tun()));
    CHECK(host.way_to("203.0.113.1") == "tun");
    CHECK(host.way_to("2001:db8:9::1") == "tun");
    CHECK(output_of("ip rule | grep -c 868[45]") == "2\n");
}

TEST_CASE("a host without IPv6 gets its IPv4 routes")
{
    const Host host;
    REQUIRE(write_sysctl("net.ipv6.conf.all.disable_ipv6", "1"));
    auto routes = Routes::open().value();
    for (const auto& inner : {inner_v4, inner_both})
        CHECK(routes.apply(plan_routing(both_defaults, inner), host.tun()));
    CHECK(host.way_to("203.0.113.1") == "tun");
    CHECK(routes.remove_all());
}

TEST_CASE("a device that is down is named in the error")
{
    const Host host;
    run("ip link set tun down");
    auto routes = Routes::open().value();
    const auto applied = routes.apply(plan_routing({prefix("10.0.0.0/8")}, inner_both), host.tun());
    REQUIRE_FALSE(applied);
    CHECK(applied.error().code == std::errc::network_down);
    CHECK(applied.error().what.find("10.0.0.0/8") != std::string::npos);
}

} // namespace braid
