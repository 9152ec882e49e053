#include "server/peer_table.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

PeerConfig peer(const std::vector<const char*>& addresses)
{
    PeerConfig config;
    for (const char* text : addresses) config.addresses.push_back(Prefix::parse(text).value());
    return config;
}

std::optional<std::size_t> owner(const PeerTable& table, const char* address)
{
    return table.owner(Address::parse(address).value());
}

std::string text(const std::vector<Prefix>& prefixes)
{
    std::string all;
    for (const Prefix& prefix : prefixes) all.append(all.empty() ? "" : " ").append(prefix.text());
    return all;
}

const std::vector<Prefix> tun{Prefix::parse("10.86.0.1/24").value(),
                              Prefix::parse("fd86::1/64").value()};

} // namespace

TEST_CASE("the longest prefix of all peers owns an address")
{
    const PeerTable table{{peer({"10.86.0.2", "fd86::2"}),
                           peer({"10.86.0.3/32", "192.168.0.0/16", "fd86:3::/48"}),
                           peer({"10.86.0.4", "192.168.4.0/24", "fd86:3:0:4::/64"}),
                           peer({"10.86.0.5", "0.0.0.0/0"})}};
    struct Case {
        const char* address;
        std::size_t owner;
    };
    for (const auto& each :
         {Case{"10.86.0.2", 0}, Case{"fd86::2", 0}, Case{"10.86.0.3", 1}, Case{"192.168.3.9", 1},
          Case{"192.168.4.9", 2}, Case{"fd86:3:0:5::9", 1}, Case{"fd86:3:0:4::9", 2},
          Case{"10.86.0.9", 3}, Case{"8.8.8.8", 3}}) {
        CAPTURE(each.address);
        CHECK(owner(table, each.address) == each.owner);
    }
    CHECK_FALSE(owner(table, "fd86::3"));
    CHECK_FALSE(owner(table, "::"));
}

TEST_CASE("an address with host bits is that address alone")
{
    const PeerTable table{{peer({"10.86.0.2/24"})}};
    CHECK(owner(table, "10.86.0.2") == 0);
    CHECK_FALSE(owner(table, "10.86.0.3"));
    CHECK_FALSE(owner(table, "10.86.0.0"));
}

TEST_CASE("a peer may send only from what it owns")
{
    const PeerTable table{{peer({"10.86.0.2", "192.168.0.0/16"}), peer({"192.168.4.4"})}};
    const auto may_send = [&](std::size_t position, const char* address) {
        return table.may_send(position, Address::parse(address).value());
    };
    CHECK(may_send(0, "10.86.0.2"));
    CHECK(may_send(0, "192.168.4.5"));
    CHECK_FALSE(may_send(0, "192.168.4.4"));
    CHECK(may_send(1, "192.168.4.4"));
    CHECK_FALSE(may_send(1, "10.86.0.2"));
    CHECK_FALSE(may_send(0, "10.86.0.3"));
    CHECK_FALSE(may_send(0, "::ffff:0:0"));
}

TEST_CASE("without peers nobody owns anything")
{
    const PeerTable table{{}};
    CHECK_FALSE(owner(table, "10.86.0.2"));
}

TEST_CASE("a peer is handed its hosts with the length of the inner network around them")
{
    CHECK(text(addresses_for(peer({"10.86.0.2", "fd86::2", "192.168.0.0/16", "172.16.0.9/32"}),
                             tun)) == "10.86.0.2/24 fd86::2/64 172.16.0.9/32");
    CHECK(text(addresses_for(peer({"10.86.0.2/16"}), tun)) == "10.86.0.2/24");
}

TEST_CASE("only what lies outside the inner networks needs a route of its own")
{
    CHECK(text(routes_for(peer({"10.86.0.2", "fd86::2", "10.86.0.128/25", "192.168.0.0/16",
                                "172.16.0.9", "10.86.0.0/16", "172.16.1.9/24"}),
                          tun)) == "192.168.0.0/16 172.16.0.9/32 10.86.0.0/16 172.16.1.9/32");
}

} // namespace braid
