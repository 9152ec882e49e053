#include "server/echo.hpp"

#include "common/crypto/keys.hpp"
#include "common/sys/udp.hpp"
#include "tests/unit/netns.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <utility>

using namespace braid;
using namespace braid::test;

namespace {

const Endpoint listening = endpoint("127.0.0.1:8684");
constexpr auto patience = 5s;

using Datagram = std::array<std::byte, probe_size>;

/// An echo with one lane, and a client.
struct Fixture {
    Fixture()
    {
        REQUIRE(crypto::init());
        REQUIRE(echo.listen(listening));
        auto socket = udp::connect("lo", address("127.0.0.1"), listening);
        REQUIRE(socket);
        client = std::move(*socket);
        echo.open_lane(0, ProbeKeys::of({}));
    }
    [[nodiscard]] Datagram probe(std::uint32_t number) const
    {
        Datagram datagram{};
        write_probe({.kind = ProbeKind::probe, .number = number, .lane = keys.lane}, keys,
                    datagram);
        return datagram;
    }
    void send(Bytes datagram) const
    {
        REQUIRE(::send(client.get(), datagram.data(), datagram.size(), 0) ==
                static_cast<ssize_t>(datagram.size()));
    }
    bool handled(std::uint64_t datagrams)
    {
        return runs_until(loop, patience, [&] {
            return echo.counters().probes + echo.counters().foreign == datagrams;
        });
    }
    /// The size of the next answer, or -1.
    [[nodiscard]] ssize_t receive(Datagram& room) const
    {
        return ::recv(client.get(), room.data(), room.size(), 0);
    }

    PrivateNetns netns;
    Inside inside{netns};
    Loop loop;
    ProbeKeys keys = ProbeKeys::of({});
    Echo echo{loop};
    Fd client;
};

} // namespace

TEST_CASE("probes are echoed, other datagrams are counted and get nothing")
{
    Fixture fixture;
    fixture.send(as_bytes("stranger"));
    fixture.send(Datagram{});
    std::array<std::byte, probe_size + 1> longer{};
    std::ranges::copy(fixture.probe(6), longer.begin());
    fixture.send(longer);
    fixture.send(fixture.probe(7));
    REQUIRE(fixture.handled(4));
    CHECK(fixture.echo.counters().probes == 1);
    CHECK(fixture.echo.counters().foreign == 3);
    Datagram answer{};
    REQUIRE(fixture.receive(answer) == probe_size);
    CHECK(is_authentic(answer, fixture.keys));
    CHECK(parse_probe(answer)->number == 7);
    CHECK(fixture.receive(answer) == -1);
}

TEST_CASE("a lane that has gone gets no echo")
{
    Fixture fixture;
    fixture.echo.close_lane(0);
    fixture.send(fixture.probe(1));
    REQUIRE(fixture.handled(1));
    CHECK(fixture.echo.counters().foreign == 1);
    Datagram answer{};
    CHECK(fixture.receive(answer) == -1);
}

TEST_CASE("after a turn's worth of datagrams others get their turn")
{
    Fixture fixture;
    for (int i = 0; i < Echo::datagrams_per_turn + 1; ++i) fixture.send(fixture.probe(1));
    // A socket that can always be written to has a turn in each round of the loop.
    bool came_between = false;
    FdWatch other{fixture.loop, fixture.client.get(), [&](Interest) {
                      came_between |= fixture.echo.counters().probes == Echo::datagrams_per_turn;
                  }};
    other.want({.writable = true});
    REQUIRE(fixture.handled(Echo::datagrams_per_turn + 1));
    CHECK(came_between);
}

TEST_CASE("a UDP port that another program has is told with a hint")
{
    Fixture fixture;
    Echo second{fixture.loop};
    const auto failed = second.listen(listening);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == std::errc::address_in_use);
    CHECK_FALSE(failed.error().hint.empty());
}
