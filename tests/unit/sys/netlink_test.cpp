#include "common/sys/netlink.hpp"

#include "common/sys/netlink_attribute.hpp"
#include "tests/unit/sys/private_netns.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <linux/rtnetlink.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

Netlink open_route(const std::vector<std::uint32_t>& groups = {})
{
    enter_private_netns();
    auto netlink = Netlink::open(NETLINK_ROUTE, groups);
    REQUIRE(netlink);
    return std::move(*netlink);
}

NetlinkRequest address_dump()
{
    NetlinkRequest request{RTM_GETADDR, NLM_F_DUMP};
    request.header<ifaddrmsg>();
    return request;
}

std::optional<Address> local_address(const nlmsghdr& message)
{
    std::optional<Address> found;
    for_each_attribute<ifaddrmsg>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == IFA_ADDRESS) found = Address::from_bytes(attribute.value);
    });
    return found;
}

std::vector<Address> dump_addresses(Netlink& netlink)
{
    std::vector<Address> found;
    auto request = address_dump();
    REQUIRE(netlink.request(request, "list addresses", [&](const nlmsghdr& message) {
        CHECK(message.nlmsg_type == RTM_NEWADDR);
        if (const auto local = local_address(message)) found.push_back(*local);
    }));
    return found;
}

bool has(const std::vector<Address>& list, std::string_view text)
{
    return std::ranges::find(list, address(text)) != list.end();
}

} // namespace

TEST_CASE("an address that was added is in the dump")
{
    auto netlink = open_route();
    CHECK(!has(dump_addresses(netlink), "10.9.1.1"));
    REQUIRE(add_address(netlink, "lo", "10.9.1.1/32"));
    const auto found = dump_addresses(netlink);
    CHECK(has(found, "10.9.1.1"));
    CHECK(has(found, "fd09::1"));
    CHECK(has(found, "127.0.0.1"));
}

TEST_CASE("a dump of many datagrams is whole")
{
    auto netlink = open_route();
    for (int i = 1; i < 250; ++i)
        REQUIRE(add_address(netlink, "lo", "10.9.2." + std::to_string(i) + "/32"));
    for (int i = 1; i < 250; ++i)
        REQUIRE(add_address(netlink, "lo", "10.9.3." + std::to_string(i) + "/32"));
    const auto found = dump_addresses(netlink);
    CHECK(found.size() >= 498);
    CHECK(has(found, "10.9.2.1"));
    CHECK(has(found, "10.9.3.249"));
}

TEST_CASE("the callback of a dump may use the same socket")
{
    auto netlink = open_route();
    std::size_t inner = 0;
    auto request = address_dump();
    REQUIRE(netlink.request(request, "list addresses", [&](const nlmsghdr&) {
        if (inner == 0) inner = dump_addresses(netlink).size();
    }));
    CHECK(inner > 0);
}

TEST_CASE("a refused request names the attempt, the kernel's own words and the reason")
{
    auto netlink = open_route();
    NetlinkRequest request{RTM_NEWADDR, 0};
    auto& header = request.header<ifaddrmsg>();
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = 99;
    header.ifa_index = 1;
    request.put(IFA_LOCAL, address("10.9.0.9").bytes());
    const auto refused = netlink.request(request, "add address 10.9.0.9/99 to lo");
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::invalid_argument);
    CHECK(refused.error().text() ==
          "add address 10.9.0.9/99 to lo: ipv4: Invalid prefix length: Invalid argument");
}

TEST_CASE("a refused request without words has the reason alone")
{
    auto netlink = open_route();
    NetlinkRequest request{RTM_NEWLINK, 0};
    request.header<ifinfomsg>().ifi_index = 12345;
    const auto refused = netlink.request(request, "change link 12345");
    REQUIRE(!refused);
    CHECK(refused.error().text() == "change link 12345: No such device");
}

TEST_CASE("a refused dump is an error too, and the next request is not disturbed")
{
    auto netlink = open_route();
    NetlinkRequest request{RTM_GETADDR, NLM_F_DUMP};
    request.header<ifaddrmsg>().ifa_index = 12345;
    const auto refused = netlink.request(request, "list addresses of 12345");
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::no_such_device);
    CHECK(!dump_addresses(netlink).empty());
}

TEST_CASE("a subscribed socket hears of changes, and says so when there are none")
{
    auto netlink = open_route();
    auto events = open_route({RTNLGRP_IPV4_IFADDR});
    std::vector<Address> heard;
    const auto listen = [&] {
        return events.receive([&](const nlmsghdr& message) {
            if (const auto local = local_address(message)) heard.push_back(*local);
        });
    };
    REQUIRE(listen());
    CHECK(heard.empty());
    REQUIRE(add_address(netlink, "lo", "10.9.4.1/32"));
    REQUIRE(wait_for(events.fd(), POLLIN));
    REQUIRE(listen());
    CHECK(heard == std::vector{address("10.9.4.1")});
}

TEST_CASE("lost messages are reported as no_buffer_space, once")
{
    auto netlink = open_route();
    auto events = open_route({RTNLGRP_IPV4_IFADDR});
    const int small = 1;
    REQUIRE(::setsockopt(events.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    for (int i = 1; i < 60; ++i)
        REQUIRE(add_address(netlink, "lo", "10.9.5." + std::to_string(i) + "/32"));
    const auto lost = events.receive([](const nlmsghdr&) {});
    REQUIRE(!lost);
    CHECK(lost.error().code == std::errc::no_buffer_space);
    CHECK(events.receive([](const nlmsghdr&) {}));
}

TEST_CASE("a protocol that does not exist cannot be opened")
{
    const auto refused = Netlink::open(31);
    REQUIRE(!refused);
    CHECK(refused.error().text() == "open netlink socket: Protocol not supported");
}
