#include "common/sys/udp.hpp"

#include "tests/unit/netns.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

using namespace braid;
using namespace braid::test;

namespace {

bool becomes_readable(int fd)
{
    pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, 2000) == 1;
}

Endpoint remote_of(const udp::Passage& passage)
{
    sockaddr_storage storage{};
    std::memcpy(&storage, &passage.remote, sizeof passage.remote);
    return Endpoint::from_sockaddr(storage).value();
}

Address local_of(const udp::Passage& passage)
{
    return Address::from_bytes(std::as_bytes(std::span{&passage.local.ipi6_addr, 1}));
}

/// Two hosts with two links between them: `a0` and `a1` of one are `b0` and `b1` of the other,
/// which the routes answer over `b0` and from its first address.
struct TwoHosts {
    PrivateNetns client;
    PrivateNetns server;

    TwoHosts()
    {
        {
            const Inside inside{client};
            for (const std::string i : {"0", "1"}) {
                run("ip link add a" + i + " type veth peer name b" + i + " netns " + server.path());
                run("ip link set a" + i + " up addrgenmode none");
                run("ip addr add 10.8." + i + ".1/24 dev a" + i);
                run("ip addr add fd08:" + i + "::1/64 dev a" + i + " nodad");
                run("ip addr add fe80::a/64 dev a" + i + " nodad");
            }
        }
        const Inside inside{server};
        for (const std::string i : {"0", "1"}) {
            run("ip link set b" + i + " up addrgenmode none");
            run("ip addr add 10.8." + i + ".2/24 dev b" + i);
            run("ip addr add 10.8." + i + ".3/24 dev b" + i);
            run("ip addr add fd08:" + i + "::2/64 dev b" + i + " nodad");
            run("ip addr add fd08:" + i + "::3/64 dev b" + i + " nodad");
            run("ip addr add fe80::b/64 dev b" + i + " nodad");
        }
    }
    [[nodiscard]] Fd listen(std::string_view local) const
    {
        const Inside inside{server};
        auto fd = udp::listen(endpoint(local));
        REQUIRE(fd);
        return std::move(*fd);
    }
    [[nodiscard]] Result<Fd> connect(const std::string& interface, std::string_view local,
                                     std::string_view remote) const
    {
        const Inside inside{client};
        return udp::connect(interface, address(local), endpoint(remote));
    }
};

/// What the client hears when the listener answers a datagram of its with "echo".
std::string answer_to(const Fd& from, const Fd& listener)
{
    REQUIRE(::send(from.get(), "probe", 5, 0) == 5);
    REQUIRE(becomes_readable(listener.get()));
    std::array<std::byte, 64> room{};
    const auto datagram = udp::receive(listener.get(), room);
    REQUIRE(datagram);
    REQUIRE(datagram->has_value());
    CHECK((*datagram)->payload.size() == 5);
    REQUIRE(udp::reply(listener.get(), (*datagram)->passage, as_bytes("echo")));
    if (!becomes_readable(from.get())) return "nothing";
    std::string heard(64, '\0');
    const ssize_t size = ::recv(from.get(), heard.data(), heard.size(), 0);
    REQUIRE(size >= 0);
    heard.resize(static_cast<std::size_t>(size));
    return heard;
}

} // namespace

TEST_CASE("a listener on any address answers from the address that was asked")
{
    const TwoHosts hosts;
    const auto listener = hosts.listen("[::]:8684");
    struct Case {
        std::string interface, local, remote;
    };
    // The client's socket is connected: it hears an answer from the asked address only.
    for (const Case& each :
         {Case{"a0", "10.8.0.1", "10.8.0.2:8684"}, Case{"a0", "10.8.0.1", "10.8.0.3:8684"},
          Case{"a1", "10.8.1.1", "10.8.1.3:8684"}, Case{"a0", "fd08:0::1", "[fd08:0::2]:8684"},
          Case{"a0", "fd08:0::1", "[fd08:0::3]:8684"}, Case{"a1", "fd08:1::1", "[fd08:1::3]:8684"},
          Case{"a0", "fe80::a", "[fe80::b]:8684"}, Case{"a1", "fe80::a", "[fe80::b]:8684"}}) {
        INFO(each.remote << " via " << each.interface);
        const auto socket = hosts.connect(each.interface, each.local, each.remote);
        REQUIRE(socket);
        CHECK(answer_to(*socket, listener) == "echo");
    }
}

TEST_CASE("a listener on one address is not asked on another")
{
    const TwoHosts hosts;
    const auto listener = hosts.listen("10.8.0.2:8684");
    const auto right = hosts.connect("a0", "10.8.0.1", "10.8.0.2:8684");
    REQUIRE(right);
    CHECK(answer_to(*right, listener) == "echo");
    const auto wrong = hosts.connect("a0", "10.8.0.1", "10.8.0.3:8684");
    REQUIRE(wrong);
    REQUIRE(::send(wrong->get(), "probe", 5, 0) == 5);
    REQUIRE(becomes_readable(wrong->get()));
    char byte = 0;
    CHECK(::recv(wrong->get(), &byte, 1, 0) == -1);
    CHECK(errno == ECONNREFUSED);
}

TEST_CASE("a datagram leaves over the device whatever the routes say")
{
    const TwoHosts hosts;
    const auto listener = hosts.listen("[::]:8684");
    {
        const Inside inside{hosts.client};
        run("ip route add 10.9.9.9 via 10.8.0.2 dev a0 metric 1");
        run("ip route add 10.9.9.9 via 10.8.1.2 dev a1 metric 2");
    }
    {
        const Inside inside{hosts.server};
        run("ip addr add 10.9.9.9/32 dev lo");
    }
    const auto socket = hosts.connect("a1", "10.8.1.1", "10.9.9.9:8684");
    REQUIRE(socket);
    REQUIRE(::send(socket->get(), "probe", 5, 0) == 5);
    REQUIRE(becomes_readable(listener.get()));
    std::array<std::byte, 64> room{};
    const auto datagram = udp::receive(listener.get(), room);
    REQUIRE(datagram);
    REQUIRE(datagram->has_value());
    const Inside inside{hosts.server};
    CHECK((*datagram)->passage.local.ipi6_ifindex == static_cast<unsigned>(index_of("b1")));
    CHECK(local_of((*datagram)->passage) == address("10.9.9.9"));
    CHECK(remote_of((*datagram)->passage).address == address("10.8.1.1"));
}

TEST_CASE("no datagram is told as none, and a long one is cut to the room")
{
    const TwoHosts hosts;
    const auto listener = hosts.listen("[::]:8684");
    std::array<std::byte, 3> room{};
    const auto none = udp::receive(listener.get(), room);
    REQUIRE(none);
    CHECK_FALSE(none->has_value());
    const auto socket = hosts.connect("a0", "10.8.0.1", "10.8.0.2:8684");
    REQUIRE(socket);
    REQUIRE(::send(socket->get(), "probe", 5, 0) == 5);
    REQUIRE(becomes_readable(listener.get()));
    const auto cut = udp::receive(listener.get(), room);
    REQUIRE(cut);
    REQUIRE(cut->has_value());
    CHECK((*cut)->payload.size() == room.size());
}

TEST_CASE("what stands in the way of a socket is told")
{
    const TwoHosts hosts;
    const auto no_device = hosts.connect("a7", "10.8.0.1", "10.8.0.2:8684");
    REQUIRE_FALSE(no_device);
    CHECK(no_device.error().code == std::errc::no_such_device);
    CHECK(no_device.error().text().starts_with("UDP to 10.8.0.2:8684 via a7"));
    const auto no_address = hosts.connect("a0", "10.8.0.9", "10.8.0.2:8684");
    REQUIRE_FALSE(no_address);
    CHECK(no_address.error().code == std::errc::address_not_available);
    const auto first = hosts.listen("[::]:8684");
    const Inside inside{hosts.server};
    const auto second = udp::listen(endpoint("10.8.0.2:8684"));
    REQUIRE_FALSE(second);
    CHECK(second.error().code == std::errc::address_in_use);
    CHECK(second.error().text().starts_with("listen on 10.8.0.2:8684 (UDP)"));
}
