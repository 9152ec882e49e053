#include "client/link_table.hpp"
#include "tests/unit/client/link_messages.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace braid {
namespace {

using test::address_message;
using test::AddressFacts;
using test::carries;
using test::link_message;
using test::LinkFacts;
using test::lower_up;
using test::lte;
using test::route_message;
using test::RouteFacts;
using test::runs;
using test::up;
using test::wifi;

/// A table and short ways to feed it.
struct Fed {
    LinkTable table;

    void link(const LinkFacts& facts) { take(link_message(RTM_NEWLINK, facts)); }
    void no_link(const LinkFacts& facts) { take(link_message(RTM_DELLINK, facts)); }
    void has(const AddressFacts& facts) { take(address_message(RTM_NEWADDR, facts)); }
    void lost(const AddressFacts& facts) { take(address_message(RTM_DELADDR, facts)); }
    void route(const RouteFacts& facts) { take(route_message(RTM_NEWROUTE, facts)); }
    void no_route(const RouteFacts& facts) { take(route_message(RTM_DELROUTE, facts)); }
    void take(NetlinkRequest message) { table.on(*message.message()); }

    [[nodiscard]] Uplink uplink(const char* name = "wifi") const
    {
        return table.uplinks({.interfaces = {name}, .own_tun = "braid0"}).at(0);
    }
    [[nodiscard]] std::vector<std::string> automatic() const
    {
        std::vector<std::string> names;
        for (const auto& each :
             table.uplinks({.automatic = true, .interfaces = {}, .own_tun = "braid0"}))
            names.push_back(each.interface);
        return names;
    }
};

/// wifi and lte, each with an IPv4 address and a default route.
Fed two_uplinks()
{
    Fed fed;
    fed.link({});
    fed.link({.index = lte, .name = "lte"});
    fed.has({});
    fed.has({.index = lte, .address = "198.51.100.2"});
    fed.route({});
    fed.route({.index = lte, .metric = 200});
    return fed;
}

std::vector<std::string> texts(const std::vector<Address>& addresses)
{
    std::vector<std::string> all;
    for (const auto& each : addresses) all.push_back(each.text());
    return all;
}

} // namespace

TEST_CASE("a link with an address and a default route is an uplink")
{
    const auto fed = two_uplinks();
    const Uplink uplink = fed.uplink();
    CHECK(uplink.index == wifi);
    CHECK(uplink.running);
    CHECK(uplink.usable());
    CHECK(uplink.metric == 100);
    REQUIRE(uplink.source(Family::v4));
    CHECK(uplink.source(Family::v4)->text() == "192.0.2.2");
    CHECK_FALSE(uplink.source(Family::v6));
}

TEST_CASE("a link runs when it is up, has carrier and is not dormant")
{
    struct Case {
        unsigned flags;
        bool running;
    };
    for (const auto& each : {Case{carries, true}, Case{runs | lower_up, false},
                             Case{up | runs, false}, Case{up | lower_up, false}}) {
        CAPTURE(each.flags);
        Fed fed;
        fed.link({.flags = each.flags});
        fed.has({});
        fed.route({});
        CHECK(fed.uplink().running == each.running);
        CHECK(fed.uplink().usable() == each.running);
    }
}

TEST_CASE("addresses that cannot be sent from do not count")
{
    for (const auto& facts :
         {AddressFacts{.address = "2001:db8::2", .flags = IFA_F_TENTATIVE},
          AddressFacts{.address = "2001:db8::2", .flags = IFA_F_DADFAILED},
          AddressFacts{.address = "fe80::2"}, AddressFacts{.address = "169.254.1.2"},
          AddressFacts{.address = "127.0.0.9"}}) {
        CAPTURE(facts.address);
        Fed fed;
        fed.link({});
        fed.has(facts);
        CHECK(fed.uplink().addresses.empty());
    }
}

TEST_CASE("an address counts once it is no longer tentative")
{
    Fed fed;
    fed.link({});
    fed.has({.address = "2001:db8::2", .flags = IFA_F_TENTATIVE | IFA_F_PERMANENT});
    fed.has({.address = "2001:db8::2", .flags = IFA_F_PERMANENT});
    CHECK(texts(fed.uplink().addresses) == std::vector<std::string>{"2001:db8::2"});
}

TEST_CASE("a deprecated address counts only when its family has no other")
{
    Fed fed;
    fed.link({});
    fed.has({.address = "2001:db8::1", .flags = IFA_F_DEPRECATED});
    CHECK(texts(fed.uplink().addresses) == std::vector<std::string>{"2001:db8::1"});
    fed.has({.address = "2001:db8::2"});
    CHECK(texts(fed.uplink().addresses) == std::vector<std::string>{"2001:db8::2"});
}

TEST_CASE("the steadiest and most public address comes first, whatever the order of events")
{
    std::array<AddressFacts, 5> facts{
        AddressFacts{.address = "2001:db8::a", .flags = IFA_F_TEMPORARY},
        AddressFacts{.address = "fd00::1"}, AddressFacts{.address = "2001:db8::b"},
        AddressFacts{.address = "192.0.2.3", .flags = IFA_F_SECONDARY},
        AddressFacts{.address = "192.0.2.9"}};
    for (int turn = 0; turn < 2; ++turn) {
        Fed fed;
        fed.link({});
        for (const auto& each : facts) fed.has(each);
        CHECK(texts(fed.uplink().addresses) == std::vector<std::string>{"192.0.2.9", "192.0.2.3",
                                                                        "2001:db8::b",
                                                                        "2001:db8::a", "fd00::1"});
        std::ranges::reverse(facts);
    }
}

TEST_CASE("of a point-to-point link our own end is the address")
{
    Fed fed;
    fed.link({});
    fed.has({.address = "192.0.2.2", .peer = "192.0.2.1"});
    CHECK(texts(fed.uplink().addresses) == std::vector<std::string>{"192.0.2.2"});
}

TEST_CASE("only ordinary default routes of the main table count")
{
    for (const auto& facts :
         {RouteFacts{.length = 8}, RouteFacts{.table = 100}, RouteFacts{.table = 8684},
          RouteFacts{.type = RTN_UNREACHABLE}, RouteFacts{.type = RTN_BLACKHOLE},
          RouteFacts{.tos = 8}, RouteFacts{.index = 0}}) {
        Fed fed;
        fed.link({});
        fed.has({});
        fed.route(facts);
        CHECK_FALSE(fed.uplink().route_v4);
        CHECK(fed.automatic().empty());
    }
}

TEST_CASE("a deleted route must match in family, device and metric")
{
    for (const auto& facts : {RouteFacts{.index = lte}, RouteFacts{.family = Family::v6},
                              RouteFacts{.metric = 101}, RouteFacts{.table = 100}}) {
        auto fed = two_uplinks();
        fed.no_route(facts);
        CHECK(fed.uplink().route_v4);
    }
    auto fed = two_uplinks();
    fed.no_route({});
    CHECK_FALSE(fed.uplink().usable());
    CHECK(fed.uplink("lte").usable());
}

TEST_CASE("the best of several default routes gives the metric")
{
    auto fed = two_uplinks();
    fed.route({.metric = 50});
    fed.route({.family = Family::v6, .metric = 1024});
    CHECK(fed.uplink().metric == 50);
    fed.no_route({.metric = 50});
    CHECK(fed.uplink().metric == 100);
    fed.no_route({});
    CHECK(fed.uplink().metric == 1024);
    CHECK_FALSE(fed.uplink().route_v4);
    CHECK(fed.uplink().route_v6);
}

TEST_CASE("the best default route of each family that is still there gives the gateway")
{
    auto fed = two_uplinks();
    CHECK_FALSE(fed.uplink().gateway_v4);
    const RouteFacts better{.metric = 90, .gateway = "192.0.2.1"};
    const RouteFacts twin{.metric = 90, .gateway = "192.0.2.254"};
    fed.route(better);
    fed.route(twin);
    fed.route({.family = Family::v6, .metric = 1024, .gateway = "fe80::1"});
    CHECK(fed.uplink().gateway_v4 == test::address("192.0.2.1"));
    CHECK(fed.uplink().gateway_v6 == test::address("fe80::1"));
    fed.no_route(better);
    CHECK(fed.uplink().gateway_v4 == test::address("192.0.2.254"));
}

TEST_CASE("the networks of an uplink are those of its addresses, or of their peers")
{
    auto fed = two_uplinks();
    CHECK(fed.uplink().networks == std::vector{test::prefix("192.0.2.0/24")});
    fed.has({.address = "198.51.100.7", .peer = "203.0.113.9", .length = 32});
    CHECK(fed.uplink().networks ==
          std::vector{test::prefix("192.0.2.0/24"), test::prefix("203.0.113.9/32")});
}

TEST_CASE("every nexthop of a multipath route counts")
{
    Fed fed;
    fed.link({});
    fed.link({.index = lte, .name = "lte"});
    std::array<rtnexthop, 2> nexthops{};
    for (auto& each : nexthops) each.rtnh_len = sizeof each;
    nexthops[0].rtnh_ifindex = wifi;
    nexthops[1].rtnh_ifindex = lte;
    for (const std::uint16_t type : {RTM_NEWROUTE, RTM_DELROUTE}) {
        auto message = route_message(type, {.index = 0});
        message.put(RTA_MULTIPATH, std::as_bytes(std::span{nexthops}));
        fed.take(std::move(message));
        CHECK(fed.uplink().route_v4 == (type == RTM_NEWROUTE));
        CHECK(fed.uplink("lte").route_v4 == (type == RTM_NEWROUTE));
    }
}

TEST_CASE("a replacing route stands where the old one stood")
{
    auto fed = two_uplinks();
    fed.route({.index = lte, .metric = 100, .flags = NLM_F_REPLACE});
    CHECK_FALSE(fed.uplink().route_v4);
    CHECK(fed.uplink("lte").metric == 100);
}

TEST_CASE("a link that goes down loses its routes, of which the kernel says nothing")
{
    auto fed = two_uplinks();
    fed.link({.flags = 0});
    CHECK_FALSE(fed.uplink().running);
    CHECK_FALSE(fed.uplink().route_v4);
    CHECK(fed.uplink("lte").usable());
}

TEST_CASE("a link that lost its carrier keeps its routes")
{
    auto fed = two_uplinks();
    fed.link({.flags = IFF_UP});
    CHECK(fed.uplink().route_v4);
    CHECK_FALSE(fed.uplink().usable());
    fed.link({});
    CHECK(fed.uplink().usable());
}

TEST_CASE("of a deleted link nothing stays")
{
    auto fed = two_uplinks();
    fed.no_link({});
    CHECK(fed.uplink() == Uplink{.interface = "wifi", .addresses = {}});
    fed.link({});
    CHECK(fed.uplink().addresses.empty());
    CHECK_FALSE(fed.uplink().route_v4);
}

TEST_CASE("a bridge's word on its port does not delete the port")
{
    auto fed = two_uplinks();
    auto message = link_message(RTM_DELLINK, {});
    static_cast<ifinfomsg*>(::mnl_nlmsg_get_payload(message.message()))->ifi_family = AF_BRIDGE;
    fed.take(std::move(message));
    CHECK(fed.uplink().usable());
}

TEST_CASE("with the last IPv4 address the IPv4 routes go")
{
    auto fed = two_uplinks();
    fed.route({.family = Family::v6});
    fed.has({.address = "192.0.2.3"});
    fed.lost({});
    CHECK(fed.uplink().route_v4);
    fed.lost({.address = "192.0.2.3"});
    CHECK_FALSE(fed.uplink().route_v4);
    CHECK(fed.uplink().route_v6);
}

TEST_CASE("with its preferred source a route goes")
{
    auto fed = two_uplinks();
    fed.has({.address = "192.0.2.3"});
    fed.route({.metric = 100, .source = "192.0.2.2"});
    fed.lost({});
    CHECK_FALSE(fed.uplink().route_v4);
}

TEST_CASE("a link that comes up raises one doubt: routes may have come back with it")
{
    Fed fed;
    fed.link({.flags = 0});
    CHECK_FALSE(fed.table.take_doubt());
    fed.link({});
    CHECK(fed.table.take_doubt());
    CHECK_FALSE(fed.table.take_doubt());
    fed.link({});
    CHECK_FALSE(fed.table.take_doubt());
}

TEST_CASE("automatic uplinks are in order of metric and index, without lo and the tunnel")
{
    auto fed = two_uplinks();
    fed.link({.index = 1, .name = "lo", .flags = carries | IFF_LOOPBACK});
    fed.link({.index = 2, .name = "dsl"});
    fed.link({.index = 9, .name = "braid0"});
    fed.link({.index = 10, .name = "lan"});
    fed.route({.index = 1});
    fed.route({.index = 2, .metric = 200});
    fed.route({.index = 9, .metric = 0});
    CHECK(fed.automatic() == std::vector<std::string>{"wifi", "dsl", "lte"});
}

TEST_CASE(
    "automatic uplinks leave out what matches a pattern and is not listed, and listed come first")
{
    auto fed = two_uplinks();
    fed.link({.index = 10, .name = "wg0"});
    fed.link({.index = 11, .name = "wg1"});
    fed.route({.index = 10, .metric = 1});
    fed.route({.index = 11, .metric = 1});
    const auto names = [&](const UplinkSelection& selection) {
        std::string text;
        for (const auto& each : fed.table.uplinks(selection)) text += each.interface + " ";
        return text;
    };
    UplinkSelection selection{
        .automatic = true, .exclude = {"docker*", "wg?"}, .interfaces = {}, .own_tun = "braid0"};
    CHECK(names(selection) == "wifi lte ");
    selection.interfaces = {"usb0", "lte", "wg1"};
    CHECK(names(selection) == "lte wg1 wifi ");
}

TEST_CASE("explicit uplinks are in the user's order, also those that do not exist")
{
    const auto fed = two_uplinks();
    const auto uplinks =
        fed.table.uplinks({.interfaces = {"lte", "usb0", "braid0", "wifi"}, .own_tun = "braid0"});
    REQUIRE(uplinks.size() == 3);
    CHECK(uplinks[0].interface == "lte");
    CHECK(uplinks[1] == Uplink{.interface = "usb0", .addresses = {}});
    CHECK(uplinks[2].interface == "wifi");
}

TEST_CASE("a renamed link is known by its new name")
{
    auto fed = two_uplinks();
    fed.link({.name = "wlan0"});
    CHECK(fed.uplink("wlan0").usable());
    CHECK(fed.uplink("wifi").index == 0);
}

TEST_CASE("truncated messages are passed over")
{
    auto fed = two_uplinks();
    const auto before = fed.uplink();
    for (const std::uint16_t type :
         {RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE}) {
        NetlinkRequest message{type, 0};
        for (std::uint32_t size = NLMSG_HDRLEN; size < NLMSG_HDRLEN + 12U; ++size) {
            message.message()->nlmsg_len = size;
            if (size >= NLMSG_HDRLEN + sizeof(ifaddrmsg) && type != RTM_NEWLINK) break;
            fed.table.on(*message.message());
        }
    }
    CHECK(fed.uplink() == before);
}

} // namespace braid
