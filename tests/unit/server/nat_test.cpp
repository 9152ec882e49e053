#include "server/nat.hpp"

#include "common/sys/mptcp.hpp"
#include "tests/unit/netns.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace braid {
namespace {

using test::Inside;
using test::output_of;
using test::prefix;
using test::PrivateNetns;
using test::run;

std::string all_sysctls()
{
    // Neighbour and route statistics change by themselves; hidden ones cannot be read.
    return output_of("cd /proc/sys/net && find ipv4 ipv6 -type f -readable ! -name flush "
                     "! -name 'stable_secret' | sort | xargs grep -H . 2>/dev/null");
}

void write_all(const std::vector<SysctlValue>& values)
{
    for (const SysctlValue& each : values) {
        INFO(each.name);
        REQUIRE(write_sysctl(each.name, each.value));
    }
}

/// Sends a router advertisement (RFC 4861 4.2) of half an hour from a device.
void advertise_router(const std::string& device)
{
    const Fd raw{::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6)};
    REQUIRE(raw);
    const int hops = 255;
    REQUIRE(::setsockopt(raw.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) == 0);
    nd_router_advert message{};
    message.nd_ra_type = ND_ROUTER_ADVERT;
    message.nd_ra_curhoplimit = 64;
    message.nd_ra_router_lifetime = htons(1800);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr.s6_addr[0] = 0xff;
    to.sin6_addr.s6_addr[1] = 0x02;
    to.sin6_addr.s6_addr[15] = 1;
    to.sin6_scope_id = static_cast<std::uint32_t>(test::index_of(device));
    REQUIRE(::sendto(raw.get(), &message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof to) == sizeof message);
}

bool has_advertised_route()
{
    return !output_of("ip -6 route show default proto ra").empty();
}

/// Two devices, of which `wan` learns its route from an advertisement on its other end.
class Host {
public:
    Host()
    {
        run("ip link add wan type veth peer name isp; ip link add lan.5 type veth peer name pc");
        for (const char* device : {"wan", "isp", "lan.5", "pc"}) {
            REQUIRE(write_sysctl(std::string{"net/ipv6/conf/"} + device + "/accept_dad", "0"));
            run(std::string{"ip link set "} + device + " up");
        }
        Loop loop;
        REQUIRE(test::runs_until(loop, 5s, [] {
            advertise_router("isp");
            return has_advertised_route();
        }));
    }

private:
    PrivateNetns netns_;
    Inside inside_{netns_};
};

/// From which address a connection of the client arrives at the Internet; empty if none does.
std::string source_seen(const PrivateNetns& internet, const PrivateNetns& client,
                        const std::string& address, Duration patience = 5s)
{
    Fd listener;
    {
        const Inside inside{internet};
        listener = mptcp::listen({test::address(address), 7}).value();
    }
    const Inside inside{client};
    const auto fd = mptcp::connect({.interface = {},
                                    .remote = {test::address(address), 7},
                                    .path_manager = mptcp::PathManager::kernel});
    REQUIRE(fd);
    Loop loop;
    std::string source;
    test::runs_until(loop, patience, [&] {
        const auto accepted = mptcp::accept(listener.get()).value();
        if (accepted) source = accepted->remote.address.text();
        return accepted.has_value();
    });
    return source;
}

} // namespace

TEST_CASE("the ruleset masquerades inner networks that leave by another device")
{
    CHECK(nat_ruleset("braid0", {prefix("10.86.0.1/24"), prefix("fd86::1/64")}) ==
          "add table inet braid_braid0\n"
          "delete table inet braid_braid0\n"
          "table inet braid_braid0 {\n"
          "    chain postrouting {\n"
          "        type nat hook postrouting priority srcnat; policy accept;\n"
          "        oifname != \"braid0\" ip saddr { 10.86.0.0/24 } masquerade\n"
          "        oifname != \"braid0\" ip6 saddr { fd86::/64 } masquerade\n"
          "    }\n"
          "}\n");
}

TEST_CASE("networks inside others and repeated ones are left out of the ruleset")
{
    const auto rules = nat_ruleset("t", {prefix("10.86.0.2/32"), prefix("192.168.0.0/16"),
                                         prefix("10.86.0.1/24"), prefix("192.168.0.0/16")});
    CHECK(rules.find("ip saddr { 10.86.0.0/24, 192.168.0.0/16 }") != std::string::npos);
    CHECK(rules.find("ip6") == std::string::npos);
}

TEST_CASE("the table's name is an identifier whatever the device is called")
{
    CHECK(nat_ruleset("vpn-1.5", {}).starts_with("add table inet braid_vpn_1_5\n"));
}

TEST_CASE("the table comes and goes, and nothing else does")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    run("nft 'add table inet other; add chain inet other c'");
    const auto before = output_of("nft list ruleset");
    const std::vector<Prefix> inner{prefix("10.86.0.1/24"), prefix("10.86.0.2/32"),
                                    prefix("fd86::1/64"), prefix("0.0.0.0/0")};
    for (const std::string tun : {"braid0", "a-b.c", "vpn+1"}) {
        CAPTURE(tun);
        REQUIRE(apply_nat(tun, inner));
        const auto once = output_of("nft list ruleset");
        CHECK(once.find("masquerade") != std::string::npos);
        CHECK(once.find("\"" + tun + "\"") != std::string::npos);
        REQUIRE(apply_nat(tun, inner));
        CHECK(output_of("nft list ruleset") == once);
        REQUIRE(remove_nat(tun));
        CHECK(output_of("nft list ruleset") == before);
        CHECK(remove_nat(tun));
    }
}

TEST_CASE("names that would break out of the script are refused")
{
    for (const char* tun : {"", "a\"b", "br*", "a b", "a\nb", "a\\"})
        CHECK(apply_nat(tun, {}).error().code == std::errc::invalid_argument);
}

TEST_CASE("tunnel traffic leaves with the server's address, in both families")
{
    const PrivateNetns internet;
    const PrivateNetns server;
    const PrivateNetns client;
    for (const PrivateNetns* each : {&internet, &server, &client}) {
        const Inside inside{*each};
        REQUIRE(write_sysctl("net.ipv6.conf.default.accept_dad", "0"));
    }
    const Inside inside{server};
    // `tun` stands for the tunnel: its far end plays the client.
    run("ip link add wan type veth peer name isp netns " + internet.path());
    run("ip link add tun type veth peer name pc netns " + client.path());
    run("ip address add 192.0.2.2/24 dev wan; ip address add 2001:db8::2/64 dev wan nodad");
    run("ip address add 10.86.0.1/24 dev tun; ip address add fd86::1/64 dev tun nodad");
    run("ip link set wan up; ip link set tun up");
    {
        const Inside at_internet{internet};
        run("ip address add 192.0.2.1/24 dev isp; ip address add 2001:db8::1/64 dev isp nodad");
        run("ip link set isp up");
    }
    {
        const Inside at_client{client};
        run("ip address add 10.86.0.2/24 dev pc; ip address add fd86::2/64 dev pc nodad");
        run("ip link set pc up; ip route add default via 10.86.0.1; "
            "ip -6 route add default via fd86::1");
    }
    write_all(forwarding_changes().value());
    // The Internet has no route to inner addresses.
    CHECK(source_seen(internet, client, "192.0.2.1", 300ms).empty());
    REQUIRE(apply_nat("tun", {prefix("10.86.0.1/24"), prefix("fd86::1/64")}));
    CHECK(source_seen(internet, client, "192.0.2.1") == "192.0.2.2");
    CHECK(source_seen(internet, client, "2001:db8::1") == "2001:db8::2");
}

TEST_CASE("forwarding needs its switches, and loosens what depends on router advertisements")
{
    const Host host;
    CHECK(forwarding_changes().value() ==
          std::vector<SysctlValue>{{"net/ipv4/ip_forward", "1"},
                                   {"net/ipv6/conf/wan/accept_ra", "2"},
                                   {"net/ipv6/conf/all/forwarding", "1"}});
    write_all(forwarding_changes().value());
    CHECK(has_advertised_route());
    CHECK(forwarding_changes().value().empty());
    CHECK(forwarding_undo().value().empty());
}

TEST_CASE("an interface that leaves advertisements to another program stays as it is")
{
    const Host host;
    REQUIRE(write_sysctl("net/ipv6/conf/wan/accept_ra", "0"));
    CHECK(forwarding_changes().value() ==
          std::vector<SysctlValue>{{"net/ipv4/ip_forward", "1"},
                                   {"net/ipv6/conf/all/forwarding", "1"}});
}

TEST_CASE("undoing puts every setting back, also those that changed as a side effect")
{
    const Host host;
    SUBCASE("from the defaults") {}
    SUBCASE("with settings of their own on single interfaces")
    {
        write_all({{"net/ipv4/conf/lan.5/forwarding", "1"},
                   {"net/ipv4/conf/default/forwarding", "1"},
                   {"net/ipv4/conf/all/accept_redirects", "0"},
                   {"net/ipv6/conf/lan.5/forwarding", "1"},
                   {"net/ipv6/conf/wan/accept_ra", "1"}});
    }
    SUBCASE("with redirects refused")
    {
        write_all({{"net/ipv4/conf/all/accept_redirects", "0"}});
    }
    SUBCASE("with IPv4 forwarding on")
    {
        write_all({{"net/ipv4/ip_forward", "1"}});
    }
    SUBCASE("with IPv6 forwarding on")
    {
        write_all({{"net/ipv6/conf/all/forwarding", "1"}});
    }
    const auto before = all_sysctls();
    REQUIRE(before.find("ipv6/conf/wan/accept_ra:") != std::string::npos);
    const auto undo = forwarding_undo();
    REQUIRE(undo);
    write_all(forwarding_changes().value());
    CHECK(all_sysctls() != before);
    write_all(*undo);
    CHECK(all_sysctls() == before);
}

} // namespace braid
