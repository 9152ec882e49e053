#include "client/connector.hpp"

#include "common/sys/mptcp.hpp"
#include "common/sys/sysctl.hpp"
#include "tests/unit/client/fake_server.hpp"
#include "tests/unit/netns.hpp"

#include <array>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <sys/socket.h>
#include <vector>

namespace braid {
namespace {

using test::endpoint;
using test::FakeServer;
using test::Keys;
using test::Manner;
using test::run;
using test::runs_until;

constexpr auto wait = 5s;
const Endpoint here = endpoint("127.0.0.1:8684");

/// A client's races in a network namespace of its own.
struct Track {
    FakeServer& serve(Manner manner, const Endpoint& local = here)
    {
        servers.push_back(std::make_unique<FakeServer>(loop, keys, manner, local));
        return *servers.back();
    }
    /// Runs one race to its end.
    void run_race(std::vector<Target> targets, Connector::Wanted wanted = Connector::Wanted::any)
    {
        start = loop.now();
        connector.race(std::move(targets), wanted);
        CHECK(outcomes.empty()); // Never from inside the call.
        REQUIRE(ends_within(wait));
    }
    [[nodiscard]] bool ends_within(Duration time)
    {
        return runs_until(loop, time, [&] { return !outcomes.empty(); });
    }
    [[nodiscard]] Result<Connected>& outcome() { return outcomes.front(); }
    [[nodiscard]] std::error_code error() const { return outcomes.front().error().code; }

    test::PrivateNetns netns;
    test::Inside inside{netns};
    Loop loop;
    Keys keys;
    std::vector<std::unique_ptr<FakeServer>> servers;
    std::vector<Result<Connected>> outcomes;
    TimePoint start{};
    TimePoint end{};
    Connector connector{
        loop,
        [this] {
            return Opening{ClientHandshake{
                {.own = keys.client, .server = keys.server.public_key(), .psk = keys.psk}}};
        },
        [this](Result<Connected> outcome) {
            end = loop.now();
            outcomes.push_back(std::move(outcome));
        }};
};

Target to(const Endpoint& remote)
{
    return {.interface = "lo", .remote = remote};
}

/// A way on which every packet is lost.
Target make_black_hole()
{
    run("ip link add dead1 type veth peer name dead2");
    run("ip link set dead1 up && ip link set dead2 up");
    run("ip address add 10.99.0.2/24 dev dead1");
    run("ip neighbour add 10.99.0.1 lladdr 02:00:00:00:00:01 nud permanent dev dead1");
    return {.interface = "dead1", .remote = endpoint("10.99.0.1:8684")};
}

} // namespace

TEST_CASE("the winner has the connection, the keys and the bytes behind the handshake")
{
    Track track;
    track.serve(Manner::welcome);
    track.run_race({to(here)});
    REQUIRE(track.outcome());
    const Connected& connected = *track.outcome();
    CHECK(connected.fd);
    CHECK(connected.target == to(here));
    CHECK(connected.local.address == here.address);
    CHECK(connected.opened.fresh);
    CHECK(connected.received.size() == 5);
    CHECK_FALSE(track.connector.racing());
}

TEST_CASE("a server that is back answers while another way is still silent")
{
    Track track;
    const Target dead = make_black_hole();
    track.connector.race({to(here), dead}); // nobody listens yet
    CHECK_FALSE(track.ends_within(300ms));
    track.serve(Manner::welcome);
    REQUIRE(track.ends_within(wait));
    REQUIRE(track.outcome());
    CHECK(track.outcome()->target == to(here));
}

TEST_CASE("a way that opens during a race joins it")
{
    Track track;
    track.serve(Manner::welcome);
    const Target dead = make_black_hole();
    track.connector.race({dead});
    CHECK_FALSE(track.ends_within(300ms));
    track.connector.extend({dead, to(here)}, {test::address("10.99.0.2")});
    REQUIRE(track.ends_within(wait));
    CHECK(track.outcome());
}

TEST_CASE("a try from an address that is gone begins anew")
{
    Track track;
    const FakeServer& server = track.serve(Manner::keep_mum);
    track.connector.race({to(here)});
    CHECK_FALSE(track.ends_within(200ms));
    track.connector.extend({to(here)}, {here.address});
    CHECK_FALSE(track.ends_within(200ms));
    CHECK(server.visits() == 1);
    track.connector.extend({to(here)}, {test::address("127.0.0.2")});
    CHECK_FALSE(track.ends_within(200ms));
    CHECK(server.visits() == 2);
    CHECK(track.connector.racing());
}

TEST_CASE("a join that is refused ends the race at once")
{
    Track track;
    track.serve(Manner::refuse_join);
    const Target dead = make_black_hole();
    std::vector<Result<Connected>> outcomes;
    Connector connector{
        track.loop,
        [] {
            return Opening{ClientJoin{LaneChain{Secret<32>{}}.next()}, Cipher::aes256_gcm};
        },
        [&](Result<Connected> outcome) { outcomes.push_back(std::move(outcome)); }};
    connector.race({dead, to(here)});
    REQUIRE(runs_until(track.loop, wait, [&] { return !outcomes.empty(); }));
    REQUIRE_FALSE(outcomes.front());
    CHECK(outcomes.front().error().code == std::make_error_code(Opening::session_gone));
    CHECK_FALSE(connector.racing());
}

TEST_CASE("a refusal is the error of a race that nobody wins")
{
    Track track;
    track.serve(Manner::refuse);
    const auto closed = endpoint("127.0.0.1:1");
    track.run_race({to(closed), to(here), to(closed)});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::make_error_code(handshake_fault::unknown_client));
    CHECK_FALSE(track.connector.racing());
}

TEST_CASE("a connection of plain TCP is no answer where MPTCP is wanted")
{
    Track track;
    track.serve(Manner::welcome);
    REQUIRE(write_sysctl("net.mptcp.enabled", "0"));
    track.run_race({to(here)}, Connector::Wanted::mptcp);
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::errc::protocol_not_supported);
}

TEST_CASE("a server with other keys weighs more than one that is not there")
{
    Track track;
    track.serve(Manner::wrong_psk);
    track.run_race({to(endpoint("127.0.0.1:1")), to(here)});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::make_error_code(handshake_fault::not_authentic));
}

TEST_CASE("a server with other keys weighs less than a refusal")
{
    Track track;
    const auto other = endpoint("127.0.0.2:8684");
    track.serve(Manner::refuse);
    track.serve(Manner::wrong_psk, other);
    track.run_race({to(here), to(other)});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::make_error_code(handshake_fault::unknown_client));
}

TEST_CASE("where nobody listens the connection is refused by the host")
{
    Track track;
    track.run_race({to(here)});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::errc::connection_refused);
}

TEST_CASE("a server that hangs up is an error at once")
{
    Track track;
    track.serve(Manner::hang_up);
    track.run_race({to(here)});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::errc::connection_reset);
}

TEST_CASE("an uplink that is not there fails from the loop and the next one is tried")
{
    Track track;
    track.serve(Manner::welcome);
    track.run_race({{.interface = "absent", .remote = here}, to(here)});
    REQUIRE(track.outcome());
    CHECK(track.outcome()->target == to(here));
    CHECK(track.end - track.start < Connector::stagger_after);
}

TEST_CASE("a race with nothing but an absent uplink names it")
{
    Track track;
    track.run_race({{.interface = "absent", .remote = here}});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::errc::no_such_device);
    CHECK(track.outcome().error().text().find("absent") != std::string::npos);
}

TEST_CASE("a dead first target delays the second by the stagger only")
{
    Track track;
    track.serve(Manner::welcome);
    const Target dead = make_black_hole();
    track.run_race({dead, to(here)});
    REQUIRE(track.outcome());
    CHECK(track.outcome()->target == to(here));
    CHECK(track.end - track.start >= Connector::stagger_after);
    CHECK(track.end - track.start < 1s); // The kernel's first retransmission.
}

TEST_CASE("a server that keeps mum delays the next target by the stagger only")
{
    Track track;
    const auto mum = endpoint("127.0.0.2:8684");
    auto& silent = track.serve(Manner::keep_mum, mum);
    track.serve(Manner::welcome);
    track.run_race({to(mum), to(here)});
    REQUIRE(track.outcome());
    CHECK(track.outcome()->target == to(here));
    CHECK(silent.visits() == 1);
}

TEST_CASE("a server that takes the connection and keeps mum is given up after two seconds")
{
    Track track;
    track.serve(Manner::keep_mum);
    track.run_race({to(here)});
    REQUIRE(!track.outcome());
    CHECK(track.error() == std::errc::timed_out);
    CHECK(track.end - track.start >= Attempt::least_patience);
    CHECK(Attempt::answer_patience(20ms) == 2s);
    CHECK(Attempt::answer_patience(1s) == 4s); // a modem with a full queue
    CHECK(Attempt::answer_patience(7s) == 8s);
}

TEST_CASE("the best target wins when it answers and the others are not tried")
{
    Track track;
    const auto second = endpoint("127.0.0.2:8684");
    track.serve(Manner::welcome);
    auto& spare = track.serve(Manner::welcome, second);
    track.run_race({to(here), to(second)});
    REQUIRE(track.outcome());
    CHECK(track.outcome()->target == to(here));
    CHECK(spare.visits() == 0);
}

TEST_CASE("the outcome of a race comes once")
{
    Track track;
    const auto second = endpoint("127.0.0.2:8684");
    track.serve(Manner::keep_mum);
    track.serve(Manner::welcome, second);
    track.run_race({to(here), to(second), to(second)});
    int turns = 0;
    (void)runs_until(track.loop, wait, [&] { return ++turns > 10; });
    CHECK(track.outcomes.size() == 1);
}

TEST_CASE("a race that is given up has no outcome")
{
    Track track;
    track.serve(Manner::welcome);
    track.connector.race({to(here)});
    CHECK(track.connector.racing());
    track.connector.cancel();
    CHECK_FALSE(track.connector.racing());
    int turns = 0;
    (void)runs_until(track.loop, wait, [&] { return ++turns > 10; });
    CHECK(track.outcomes.empty());
}

TEST_CASE("a new race may be started in the outcome of the last one")
{
    Track track;
    track.serve(Manner::welcome);
    std::vector<Result<Connected>> outcomes;
    std::optional<Connector> twice;
    twice.emplace(
        track.loop,
        [&] {
            return Opening{ClientHandshake{{.own = track.keys.client,
                                            .server = track.keys.server.public_key(),
                                            .psk = track.keys.psk}}};
        },
        [&](Result<Connected> outcome) {
            outcomes.push_back(std::move(outcome));
            if (outcomes.size() == 1) twice->race({to(here)});
        });
    twice->race({to(endpoint("127.0.0.1:1"))});
    REQUIRE(runs_until(track.loop, wait, [&] { return outcomes.size() == 2; }));
    CHECK_FALSE(outcomes[0]);
    CHECK(outcomes[1]);
}

TEST_CASE("a new race does not remember the errors of the last one")
{
    Track track;
    track.serve(Manner::refuse);
    track.run_race({to(here)});
    track.outcomes.clear();
    track.run_race({to(endpoint("127.0.0.1:1"))});
    REQUIRE_FALSE(track.outcome());
    CHECK(track.error() == std::errc::connection_refused);
}

} // namespace braid
