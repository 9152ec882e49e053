#include "client/uplink_monitor.hpp"

#include "tests/unit/netns.hpp"

#include <array>
#include <doctest/doctest.h>
#include <initializer_list>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace braid {
namespace {

using test::address;
using test::output_of;
using test::run;

constexpr int wifi = 3;
constexpr int lte = 4;
constexpr unsigned up = IFF_UP;
constexpr unsigned runs = IFF_RUNNING;
constexpr unsigned lower_up = IFF_LOWER_UP;
constexpr unsigned carries = up | runs | lower_up;

struct LinkFacts {
    int index = wifi;
    const char* name = "wifi";
    unsigned flags = carries;
};

NetlinkRequest link_message(std::uint16_t type, const LinkFacts& facts)
{
    NetlinkRequest message{type, 0};
    auto& header = message.header<ifinfomsg>();
    header.ifi_index = facts.index;
    header.ifi_flags = facts.flags;
    message.put_text(IFLA_IFNAME, facts.name);
    return message;
}

struct AddressFacts {
    int index = wifi;
    const char* address = "192.0.2.2";
    std::uint32_t flags = 0;
    const char* peer = nullptr;
};

NetlinkRequest address_message(std::uint16_t type, const AddressFacts& facts)
{
    NetlinkRequest message{type, 0};
    const Address own = address(facts.address);
    auto& header = message.header<ifaddrmsg>();
    header.ifa_family = own.family() == Family::v4 ? AF_INET : AF_INET6;
    header.ifa_index = static_cast<std::uint32_t>(facts.index);
    if (facts.peer) message.put(IFA_ADDRESS, address(facts.peer).bytes());
    message.put(facts.peer || own.family() == Family::v4 ? IFA_LOCAL : IFA_ADDRESS, own.bytes());
    message.put_u32(IFA_FLAGS, facts.flags);
    return message;
}

struct RouteFacts {
    int index = wifi;
    Family family = Family::v4;
    std::uint32_t metric = 100;
    std::uint32_t table = RT_TABLE_MAIN;
    std::uint8_t type = RTN_UNICAST;
    std::uint8_t length = 0;
    std::uint8_t tos = 0;
    std::uint16_t flags = 0; ///< of the netlink header
    const char* source = nullptr;
};

NetlinkRequest route_message(std::uint16_t type, const RouteFacts& facts)
{
    NetlinkRequest message{type, facts.flags};
    auto& header = message.header<rtmsg>();
    header.rtm_family = facts.family == Family::v4 ? AF_INET : AF_INET6;
    header.rtm_dst_len = facts.length;
    header.rtm_tos = facts.tos;
    header.rtm_type = facts.type;
    message.put_u32(RTA_TABLE, facts.table);
    message.put_u32(RTA_PRIORITY, facts.metric);
    if (facts.source) message.put(RTA_PREFSRC, address(facts.source).bytes());
    if (facts.index != 0) message.put_u32(RTA_OIF, static_cast<std::uint32_t>(facts.index));
    return message;
}

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

TEST_CASE("the monitor follows a multipath route of which one device goes down and up")
{
    Watched watched;
    run("ip route del default dev wifi; ip route del default dev lte");
    run("ip route add default nexthop via 10.9.1.1 dev wifi nexthop via 10.9.2.1 dev lte");
    CHECK(watched.comes([&] { return watched.wifi().usable() && watched.wifi().metric == 0; }));
    CHECK(watched.lte().source(Family::v4));
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
