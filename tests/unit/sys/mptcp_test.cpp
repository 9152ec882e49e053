#include "common/sys/mptcp.hpp"

#include "common/sys/mptcp_info.hpp"
#include "common/sys/sysctl.hpp"
#include "tests/unit/sys/as_nobody.hpp"
#include "tests/unit/sys/mptcp_pair.hpp"

#include <array>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

/// Connects to a listener and accepts on it; both ends.
std::pair<Fd, Fd> connect_to(const Fd& listener, const Endpoint& remote)
{
    auto client = mptcp::connect({.interface = "", .remote = remote});
    REQUIRE(client);
    REQUIRE(wait_for(listener.get(), POLLIN));
    auto accepted = mptcp::accept(listener.get());
    REQUIRE(accepted);
    REQUIRE(accepted->has_value());
    REQUIRE(mptcp::connect_result(client->get(), remote.text()));
    return {std::move(*client), std::move((*accepted)->fd)};
}

/// A server of before MPTCP.
std::pair<Fd, Endpoint> listen_plain()
{
    Fd listener{::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
    const Endpoint any{address("10.9.0.1"), 0};
    const sockaddr_storage storage = any.mapped_sockaddr();
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&storage),
                   sizeof(sockaddr_in6)) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    const Endpoint remote{any.address, local_of(listener.get()).port};
    return {std::move(listener), remote};
}

bool no_delay(int fd)
{
    int on = 0;
    socklen_t size = sizeof on;
    REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
    return on != 0;
}

bool non_blocking_and_cloexec(int fd)
{
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

} // namespace

TEST_CASE("a connection over IPv4 or IPv6 speaks MPTCP at both ends")
{
    enter_private_netns();
    REQUIRE(mptcp::available());
    for (const auto* server : {"10.9.0.1", "fd09::1"}) {
        CAPTURE(server);
        const auto pair = MptcpPair::connect(server);
        for (const int fd : {pair.client.get(), pair.server.get()}) {
            CHECK(mptcp::is_mptcp(fd));
            CHECK(mptcp::token(fd).value() != 0);
            CHECK(no_delay(fd));
            CHECK(non_blocking_and_cloexec(fd));
        }
        const auto at_client = mptcp::subflows(pair.client.get());
        const auto at_server = mptcp::subflows(pair.server.get());
        REQUIRE(at_client->size() == 1);
        REQUIRE(at_server->size() == 1);
        CHECK(at_client->front().remote == pair.remote);
        CHECK(at_client->front().remote == at_server->front().local);
        CHECK(at_client->front().local == at_server->front().remote);
        CHECK(at_client->front().tcp_state == 1);
        CHECK(at_client->front().bytes_sent == 1);
        CHECK(at_client->front().bytes_acked >= 1);
        CHECK(at_client->front().bytes_received == 1);
        CHECK(at_client->front().rtt_us > 0);
    }
}

TEST_CASE("both generations of socket options tell the same subflows")
{
    enter_private_netns();
    const auto pair = MptcpPair::connect("10.9.0.1");
    const auto one = mptcp::subflows_by_full_info(pair.client.get());
    const auto two = mptcp::subflows_by_two_calls(pair.client.get());
    const auto tcp = mptcp::subflows_of_tcp(pair.client.get());
    REQUIRE(one);
    REQUIRE(two);
    REQUIRE(tcp);
    for (const auto& other : {*two, *tcp}) {
        REQUIRE(one->size() == other.size());
        CHECK(one->front().local == other.front().local);
        CHECK(one->front().remote == other.front().remote);
        CHECK(one->front().bytes_sent == other.front().bytes_sent);
        CHECK(one->front().rtt_us == other.front().rtt_us);
    }
}

TEST_CASE("the path manager is chosen for one socket, and the setting is as before afterwards")
{
    enter_private_netns();
    const std::string sysctl =
        read_sysctl("net.mptcp.path_manager") ? "net.mptcp.path_manager" : "net.mptcp.pm_type";
    const auto original = read_sysctl(sysctl).value();
    const auto [listener, remote] = listen_on("10.9.0.1");
    const auto all =
        sysctl == "net.mptcp.pm_type" ? std::array{"0", "1"} : std::array{"kernel", "userspace"};
    for (const auto* before : all) {
        for (const auto wanted : {mptcp::PathManager::kernel, mptcp::PathManager::userspace}) {
            REQUIRE(write_sysctl(sysctl, before));
            CHECK(mptcp::connect({.interface = "", .remote = remote, .path_manager = wanted}));
            CHECK(read_sysctl(sysctl).value() == before);
            CHECK(!mptcp::connect(
                {.interface = "nosuch0", .remote = remote, .path_manager = wanted}));
            CHECK(read_sysctl(sysctl).value() == before);
        }
    }
    REQUIRE(write_sysctl(sysctl, original));
}

TEST_CASE("without the right to set the path manager the error says what to do")
{
    enter_private_netns();
    const AsNobody nobody;
    const auto refused = mptcp::connect({.interface = "", .remote = {address("10.9.0.1"), 9}});
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::permission_denied);
    CHECK(refused.error().text().starts_with(
        "connect 10.9.0.1:9: choose the MPTCP path manager: write "));
    CHECK(!refused.error().hint.empty());
}

TEST_CASE("without MPTCP in the kernel a connection is plain TCP")
{
    enter_private_netns();
    REQUIRE(write_sysctl("net.mptcp.enabled", "0"));
    CHECK(!mptcp::available());
    {
        const auto [listener, remote] = listen_on("10.9.0.1");
        const auto [client, server] = connect_to(listener, remote);
        CHECK(!mptcp::is_mptcp(client.get()));
        CHECK(!mptcp::is_mptcp(server.get()));
        CHECK(mptcp::subflows(client.get())->size() == 1);
    }
    REQUIRE(write_sysctl("net.mptcp.enabled", "1"));
    CHECK(mptcp::available());
}

TEST_CASE("towards a plain TCP peer a connection falls back and still tells its one flow")
{
    enter_private_netns();
    const auto [listener, remote] = listen_plain();
    const auto [client, server] = connect_to(listener, remote);
    send_byte(client.get(), server.get());
    for (const int fd : {client.get(), server.get()}) {
        CHECK(!mptcp::is_mptcp(fd));
        CHECK(!mptcp::token(fd));
        const auto flows = mptcp::subflows(fd);
        REQUIRE(flows);
        REQUIRE(flows->size() == 1);
        CHECK(flows->front().tcp_state == 1);
        CHECK(mptcp::unsent(fd)->subflows == 1);
    }
    CHECK(mptcp::subflows(client.get())->front().remote == remote);
    CHECK(mptcp::subflows(client.get())->front().bytes_sent == 1);
}

TEST_CASE("a client of before MPTCP is accepted as plain TCP")
{
    enter_private_netns();
    const auto [listener, remote] = listen_on("10.9.0.1");
    const Fd client{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)};
    const sockaddr_storage storage = remote.mapped_sockaddr();
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&storage),
                      sizeof(sockaddr_in6)) == 0);
    const auto accepted = mptcp::accept(listener.get());
    REQUIRE(accepted->has_value());
    const int fd = (*accepted)->fd.get();
    CHECK((*accepted)->remote == local_of(client.get()));
    CHECK(!mptcp::is_mptcp(fd));
    CHECK(!mptcp::token(fd));
    CHECK(mptcp::subflows(fd)->size() == 1);
    CHECK(no_delay(fd));
    CHECK(non_blocking_and_cloexec(fd));
}

TEST_CASE("a refused connection tells why when it is asked")
{
    enter_private_netns();
    Endpoint closed;
    {
        const auto [listener, remote] = listen_on("10.9.0.1");
        closed = remote;
    }
    const auto client = mptcp::connect({.interface = "lo", .remote = closed});
    REQUIRE(client);
    REQUIRE(wait_for(client->get(), POLLOUT));
    const auto refused = mptcp::connect_result(client->get(), closed.text());
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::connection_refused);
    CHECK(refused.error().text() == "connect " + closed.text() + ": Connection refused");
}

TEST_CASE("an interface that does not exist is named in the error")
{
    enter_private_netns();
    const auto refused =
        mptcp::connect({.interface = "nosuch0", .remote = {address("10.9.0.1"), 9}});
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::no_such_device);
    CHECK(refused.error().text() ==
          "connect 10.9.0.1:9 via nosuch0: bind socket to nosuch0: No such device");
}

TEST_CASE("a destination without route is an error at once")
{
    enter_private_netns();
    const auto refused = mptcp::connect({.interface = "", .remote = {address("192.0.2.1"), 9}});
    REQUIRE(!refused);
    CHECK(refused.error().text() == "connect 192.0.2.1:9: Network is unreachable");
}

TEST_CASE("a wildcard listener serves both families, one on an IPv4 address that one only")
{
    enter_private_netns();
    REQUIRE(write_sysctl("net.ipv6.bindv6only", "1"));
    const auto [both, any] = listen_on("::");
    for (const auto* server : {"10.9.0.2", "fd09::2"}) {
        const auto [client, accepted] = connect_to(both, {address(server), any.port});
        CHECK(mptcp::is_mptcp(accepted.get()));
    }
    const auto [v4, any4] = listen_on("0.0.0.0");
    const auto pair = connect_to(v4, {address("10.9.0.2"), any4.port});
    const auto v6 = mptcp::connect({.interface = "", .remote = {address("fd09::2"), any4.port}});
    REQUIRE(v6);
    REQUIRE(wait_for(v6->get(), POLLOUT));
    CHECK(!mptcp::connect_result(v6->get(), ""));
    REQUIRE(write_sysctl("net.ipv6.bindv6only", "0"));
}

TEST_CASE("a port in use and a foreign address are errors that name the endpoint")
{
    enter_private_netns();
    const auto [listener, local] = listen_on("10.9.0.1");
    CHECK(mptcp::listen(local).error().text() ==
          "listen on " + local.text() + ": Address already in use");
    CHECK(mptcp::listen({address("192.0.2.7"), 9}).error().text() ==
          "listen on 192.0.2.7:9: Cannot assign requested address");
}

TEST_CASE("accept yields nothing when nobody waits, and an error for what is no listener")
{
    enter_private_netns();
    const auto [listener, local] = listen_on("10.9.0.1");
    const auto none = mptcp::accept(listener.get());
    REQUIRE(none);
    CHECK(!none->has_value());
    CHECK(mptcp::accept(-1).error().code == std::errc::bad_file_descriptor);
}

TEST_CASE("what the peer does not take is counted as unsent")
{
    enter_private_netns();
    const auto pair = MptcpPair::connect("10.9.0.1");
    CHECK(mptcp::unsent(pair.client.get())->bytes == 0);
    CHECK(mptcp::unsent(pair.client.get())->subflows == 1);
    const std::vector<char> block(65536);
    std::size_t sent = 0;
    for (;;) {
        const auto size = ::send(pair.client.get(), block.data(), block.size(), MSG_NOSIGNAL);
        if (size < 0) break;
        sent += static_cast<std::size_t>(size);
    }
    const auto unsent = mptcp::unsent(pair.client.get());
    REQUIRE(unsent);
    CHECK(unsent->bytes > 0);
    CHECK(unsent->bytes <= 2 * sent); // Of a subflow and the connection, which may overlap.
}

TEST_CASE("the congestion control is set by name, and an unknown one is named in the error")
{
    enter_private_netns();
    const auto pair = MptcpPair::connect("10.9.0.1");
    CHECK(mptcp::set_congestion_control(pair.client.get(), "reno"));
    std::array<char, 16> name{};
    socklen_t size = name.size();
    REQUIRE(::getsockopt(pair.client.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0);
    CHECK(std::string{name.data()} == "reno");
    const auto refused = mptcp::set_congestion_control(pair.client.get(), "nosuch");
    REQUIRE(!refused);
    CHECK(refused.error().text() == "set congestion control nosuch: No such file or directory");
    CHECK(!refused.error().hint.empty());
}

TEST_CASE("a closed descriptor is an error, not a connection without subflows")
{
    CHECK(!mptcp::subflows(-1));
    CHECK(!mptcp::unsent(-1));
    CHECK(!mptcp::is_mptcp(-1));
    CHECK(!mptcp::connect_result(-1, "x"));
}
