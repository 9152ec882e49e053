#include "client/lan_side.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using Names = std::vector<std::string>;

/// What is told of a host with this interface, an uplink `wifi` and a TUN `braid0`.
Names told_of(const ForwardingInterface& interface)
{
    const std::vector<Uplink> uplinks{{.interface = "wifi", .addresses = {}}};
    return without_receive_offload({interface}, uplinks, "braid0");
}

ForwardingInterface lan(const char* name = "eth1")
{
    return {.name = name, .running = true, .forwards = true, .receive_offload = false};
}

} // namespace

TEST_CASE("an interface of the LAN side without GRO is told")
{
    CHECK(told_of(lan()) == Names{"eth1"});
}

TEST_CASE("an interface that has GRO, does not forward or run, or does not tell, is not")
{
    auto each = lan();
    SUBCASE("GRO")
    {
        each.receive_offload = true;
    }
    SUBCASE("not known")
    {
        each.receive_offload = std::nullopt;
    }
    SUBCASE("no forwarding")
    {
        each.forwards = false;
    }
    SUBCASE("not running")
    {
        each.running = false;
    }
    CHECK(told_of(each).empty());
}

TEST_CASE("uplinks, the TUN, loopback and devices of containers are no LAN side")
{
    for (const char* name : {"wifi", "braid0", "lo", "docker0", "veth12ab", "wg0"}) {
        CAPTURE(name);
        CHECK(told_of(lan(name)).empty());
    }
}

TEST_CASE("of this host only what forwards and is no uplink is told")
{
    const test::PrivateNetns netns;
    const test::Inside inside{netns};
    for (const std::string name : {"up1", "lan1", "lan2"}) {
        test::run("ip link add " + name + " type veth peer name " + name + "p");
        test::run("ip link set " + name + " up");
        test::run("ip link set " + name + "p up");
        test::run("ethtool -K " + name + " gro off");
    }
    test::run("ethtool -K lan2 gro on");
    test::run("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0");
    ClientConfig config;
    config.uplinks = {.automatic = false, .exclude = {}, .listed = {{.interface = "up1"}}};
    const auto told = [&] {
        Names names = lan_without_receive_offload(config).value();
        // The other ends are here too.
        std::erase_if(names, [](const std::string& name) { return name.ends_with("p"); });
        return names;
    };

    CHECK(told().empty());
    for (const char* key : {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"}) {
        CAPTURE(key);
        test::run(std::string{"sysctl -qw "} + key + "=1");
        CHECK(told() == Names{"lan1"});
        test::run(std::string{"sysctl -qw "} + key + "=0");
    }
    config.uplinks.automatic = true;
    test::run("sysctl -qw net.ipv4.ip_forward=1");
    test::run("ip addr add 192.0.2.2/24 dev up1 && ip route add default via 192.0.2.1 dev up1");
    CHECK(told() == Names{"lan1"});
}

} // namespace braid
