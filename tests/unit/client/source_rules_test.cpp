#include "client/source_rules.hpp"

#include "client/routes.hpp"
#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>

namespace braid {
namespace {

using test::address;
using test::output_of;
using test::prefix;
using test::run;

const auto server_v4 = address("203.0.113.1");
const auto server_v6 = address("2001:db8:9::1");

/// In both families, with gateways.
Uplink wifi()
{
    return {.interface = "wifi",
            .index = 3,
            .up = true,
            .running = true,
            .addresses = {address("192.0.2.2"), address("2001:db8:1::2")},
            .networks = {prefix("192.0.2.0/24"), prefix("2001:db8:1::/64")},
            .route_v4 = true,
            .route_v6 = true,
            .gateway_v4 = address("192.0.2.1"),
            .gateway_v6 = address("fe80::1")};
}

/// A modem: IPv4 only, without a gateway.
Uplink lte()
{
    return {.interface = "lte",
            .index = 4,
            .up = true,
            .running = true,
            .addresses = {address("100.64.7.8")},
            .networks = {prefix("100.64.7.8/32")},
            .route_v4 = true};
}

std::string plan_text(const std::vector<Uplink>& uplinks, const std::vector<Address>& servers)
{
    return plan_source_rules(uplinks, servers).text();
}

/// A host with two uplinks to the Internet and a tunnel that takes everything else.
class Host {
public:
    Host()
    {
        for (const char* device : {"up1", "up2", "tun"}) {
            run(std::string{"ip link add "} + device + " type veth peer name " + device + "p");
            run(std::string{"ip link set "} + device + " addrgenmode none up");
            run(std::string{"ip link set "} + device + "p addrgenmode none up");
        }
        run("ip address add 192.0.2.2/24 dev up1; ip address add 2001:db8:1::2/64 dev up1 nodad");
        run("ip address add 198.51.100.2/24 dev up2; ip address add 2001:db8:2::2/64 dev up2 "
            "nodad");
        run("ip route add default via 192.0.2.1 dev up1 metric 100");
        run("ip route add default via 198.51.100.1 dev up2 metric 200");
        run("ip -6 route add default via 2001:db8:1::1 dev up1 metric 100");
        run("ip -6 route add default via 2001:db8:2::1 dev up2 metric 200");
        auto routes = Routes::open().value();
        REQUIRE(routes.apply(plan_routing({prefix("0.0.0.0/0"), prefix("::/0")},
                                          {prefix("10.86.0.2/24"), prefix("fd86::2/64")}),
                             test::index_of("tun")));
    }

    [[nodiscard]] static std::vector<Uplink> uplinks()
    {
        Uplink up1{.interface = "up1",
                   .index = test::index_of("up1"),
                   .addresses = {address("192.0.2.2"), address("2001:db8:1::2")},
                   .networks = {prefix("192.0.2.0/24"), prefix("2001:db8:1::/64")},
                   .route_v4 = true,
                   .route_v6 = true,
                   .gateway_v4 = address("192.0.2.1"),
                   .gateway_v6 = address("2001:db8:1::1")};
        Uplink up2 = up1;
        up2.interface = "up2";
        up2.index = test::index_of("up2");
        up2.addresses = {address("198.51.100.2"), address("2001:db8:2::2")};
        up2.networks = {prefix("198.51.100.0/24"), prefix("2001:db8:2::/64")};
        up2.gateway_v4 = address("198.51.100.1");
        up2.gateway_v6 = address("2001:db8:2::1");
        return {up1, up2};
    }
    [[nodiscard]] static SourcePlan plan()
    {
        return plan_source_rules(uplinks(), {server_v4, server_v6});
    }
    /// "via GATEWAY dev DEVICE" of an unbound socket with this source.
    [[nodiscard]] static std::string way(const std::string& to, const std::string& from)
    {
        return output_of("ip route get " + to + " from " + from +
                         " | grep -oE '(via [^ ]+ )?dev "
                         "[a-z0-9]+' | tr -d '\n'");
    }
    /// All that the host routes by.
    [[nodiscard]] static std::string routing()
    {
        return output_of("for f in 4 6; do ip -$f rule; ip -$f route show table all; done");
    }

private:
    test::PrivateNetns netns_;
    test::Inside inside_{netns_};
};

} // namespace

TEST_CASE("each address of an uplink has a rule, and a table with the way to the server")
{
    CHECK(plan_text({wifi(), lte()}, {server_v4, server_v6}) ==
          "ip -4 route add 203.0.113.1 via 192.0.2.1 dev if3 table 868400003 proto 86 metric 50 "
          "onlink\n"
          "ip -6 route add 2001:db8:9::1 via fe80::1 dev if3 table 868400003 proto 86 metric 50 "
          "onlink\n"
          "ip -4 route add 203.0.113.1 dev if4 table 868400004 proto 86 metric 50\n"
          "ip -4 rule add pref 8683 from 192.0.2.2 lookup 868400003\n"
          "ip -6 rule add pref 8683 from 2001:db8:1::2 lookup 868400003\n"
          "ip -4 rule add pref 8683 from 100.64.7.8 lookup 868400004\n");
}

TEST_CASE("a server on the link is reached without the gateway")
{
    CHECK(plan_text({wifi()}, {address("192.0.2.99")}) ==
          "ip -4 route add 192.0.2.99 dev if3 table 868400003 proto 86 metric 50\n"
          "ip -4 rule add pref 8683 from 192.0.2.2 lookup 868400003\n");
}

TEST_CASE("a family without a server, an address or a default route has no rule")
{
    CHECK(plan_text({wifi()}, {}).empty());
    CHECK(plan_text({lte()}, {server_v6}).empty());
    auto uplink = wifi();
    uplink.route_v4 = false;
    CHECK(plan_text({uplink}, {server_v4}).empty());
    uplink = wifi();
    uplink.addresses = {address("2001:db8:1::2")};
    CHECK(plan_text({uplink}, {server_v4}).empty());
    CHECK(plan_text({Uplink{.interface = "usb0", .addresses = {}}}, {server_v4}).empty());
}

TEST_CASE("a lost carrier and repeated servers make no difference to the plan")
{
    auto uplink = wifi();
    uplink.running = false;
    CHECK(plan_source_rules({uplink}, {server_v4, server_v6, server_v4}) ==
          plan_source_rules({wifi()}, {server_v6, server_v4}));
}

TEST_CASE("an unbound socket leaves by the uplink of its source, past the tunnel")
{
    const Host host;
    CHECK(host.way("203.0.113.1", "198.51.100.2") == "dev tun");
    auto rules = SourceRules::open().value();
    const auto applied = rules.apply(host.plan());
    REQUIRE_MESSAGE(applied, applied.error().text());
    CHECK(host.way("203.0.113.1", "192.0.2.2") == "via 192.0.2.1 dev up1");
    CHECK(host.way("203.0.113.1", "198.51.100.2") == "via 198.51.100.1 dev up2");
    CHECK(host.way("2001:db8:9::1", "2001:db8:1::2") == "via 2001:db8:1::1 dev up1");
    CHECK(host.way("2001:db8:9::1", "2001:db8:2::2") == "via 2001:db8:2::1 dev up2");
}

TEST_CASE("what goes elsewhere, or has another source, is routed as without source rules")
{
    const Host host;
    run("ip route add 172.16.0.0/16 via 192.0.2.254 dev up1");
    auto rules = SourceRules::open().value();
    REQUIRE(rules.apply(host.plan()));
    CHECK(host.way("203.0.113.2", "198.51.100.2") == "dev tun");
    CHECK(host.way("198.51.100.9", "192.0.2.2") == "dev up2");
    CHECK(host.way("172.16.1.1", "192.0.2.2") == "via 192.0.2.254 dev up1");
    CHECK(output_of("ip route get 203.0.113.1").find(" dev tun ") != std::string::npos);
}

TEST_CASE("the plan's text is what iproute2 would apply, and applying it again changes nothing")
{
    const Host host;
    auto rules = SourceRules::open().value();
    REQUIRE(rules.apply(host.plan()));
    const auto before = host.routing();
    REQUIRE(rules.apply(host.plan()));
    CHECK(host.routing() == before);
    REQUIRE(rules.remove_all());
    std::string commands = host.plan().text();
    for (std::size_t at = 0; (at = commands.find("rule add", at)) != std::string::npos; at += 8)
        commands.insert(commands.find('\n', at), " protocol 86");
    run(commands);
    CHECK(host.routing() == before);
}

TEST_CASE("address, gateway and server may change")
{
    const Host host;
    auto rules = SourceRules::open().value();
    REQUIRE(rules.apply(host.plan()));
    run("ip address add 192.0.2.77/24 dev up1");
    auto uplinks = host.uplinks();
    uplinks[0].addresses[0] = address("192.0.2.77");
    uplinks[1].gateway_v4 = address("198.51.100.254");
    REQUIRE(rules.apply(plan_source_rules(uplinks, {server_v4, address("203.0.113.5")})));
    CHECK(host.way("203.0.113.1", "192.0.2.77") == "via 192.0.2.1 dev up1");
    CHECK(host.way("203.0.113.5", "198.51.100.2") == "via 198.51.100.254 dev up2");
    CHECK(host.way("203.0.113.1", "192.0.2.2") == "dev tun");
    CHECK(output_of("ip -6 rule | grep -c 8683:") == "0\n");
    CHECK(output_of("ip rule | grep -c 8683:") == "2\n");
}

TEST_CASE("what the kernel dropped with a link that went down, or somebody deleted, is put back")
{
    const Host host;
    auto rules = SourceRules::open().value();
    REQUIRE(rules.apply(host.plan()));
    run("ip link set up1 down; ip link set up1 up; ip address add 2001:db8:1::2/64 dev up1 nodad");
    run("ip rule del pref 8683 from 198.51.100.2");
    REQUIRE(rules.apply(host.plan()));
    CHECK(host.way("203.0.113.1", "192.0.2.2") == "via 192.0.2.1 dev up1");
    CHECK(host.way("203.0.113.1", "198.51.100.2") == "via 198.51.100.1 dev up2");
}

TEST_CASE(
    "source rules go from nothing, as after a crash, and other people's and the tunnel's stay")
{
    const Host host;
    run("ip rule add pref 8683 from 192.0.2.7 lookup 55");
    run("ip route add 203.0.113.1 via 192.0.2.1 dev up1 proto 86 table 55");
    const auto before = host.routing();
    {
        auto rules = SourceRules::open().value();
        REQUIRE(rules.apply(host.plan()));
        CHECK(host.routing() != before);
    }
    REQUIRE(SourceRules::open().value().remove_all());
    CHECK(host.routing() == before);
    CHECK(SourceRules::open().value().remove_all());
}

} // namespace braid
