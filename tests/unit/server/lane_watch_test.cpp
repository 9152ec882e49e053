#include "server/lane_watch.hpp"

#include "common/crypto/keys.hpp"
#include "common/sys/mptcp_pm.hpp"
#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

const Endpoint listening = endpoint("127.0.0.1:8684");

/// A session of the server's over an MPTCP connection with subflows from 127.0.0.2 and 127.0.0.3,
/// which a client reads and never answers.
struct Fixture : LaneWatch::Listener, Session::Listener {
    Fixture()
    {
        const auto listener = mptcp::listen(listening);
        REQUIRE(listener);
        auto pm = MptcpPm::open();
        REQUIRE(pm);
        REQUIRE(pm->set_limits({.subflows = 8}));
        client = std::move(*mptcp::connect({.interface = "lo", .remote = listening}));
        Fd server;
        REQUIRE(until([&] {
            auto accepted = mptcp::accept(listener->get());
            if (accepted && *accepted) server = std::move((*accepted)->fd);
            return static_cast<bool>(server);
        }));
        REQUIRE(::send(client.get(), "x", 1, MSG_NOSIGNAL) == 1);
        char byte = 0;
        REQUIRE(until([&] { return ::recv(server.get(), &byte, 1, 0) == 1; }));
        REQUIRE(::send(server.get(), "x", 1, MSG_NOSIGNAL) == 1);
        REQUIRE(until([&] { return ::recv(client.get(), &byte, 1, 0) == 1; }));
        for (const std::uint8_t id : {std::uint8_t{2}, std::uint8_t{3}})
            REQUIRE(pm->create_subflow({.token = mptcp::token(client.get()).value(),
                                        .local_id = id,
                                        .local = address("127.0.0." + std::to_string(id)),
                                        .interface_index = 1,
                                        .remote = listening}));
        REQUIRE(until([&] { return mptcp::subflows(server.get())->size() == 3; }));
        session.open_lane(std::move(server), keys_here(), {});
        REQUIRE(watch.open());
    }
    const Session* session_of(std::size_t peer) override
    {
        CHECK(peer == 7);
        return &session;
    }
    void on_subflow_cut(std::size_t, const LaneWatch::SubflowCut& cut) override
    {
        cuts.push_back(cut);
    }
    int frozen = 0;
    void on_lane_frozen(std::size_t) override { ++frozen; }
    void on_pressure_changed(std::size_t, bool full) override { pressure.push_back(full); }
    Status on_packet(Session&, const Offload&, Bytes) override { return {}; }
    Status on_message(Session&, const Message&) override { return {}; }
    void on_lanes_lost(Session&, const Error&) override { FAIL("the lane was lost"); }
    void on_session_end(Session&, const Error&) override { FAIL("the session has ended"); }

    bool until(const std::function<bool()>& condition)
    {
        return runs_until(loop, patience, condition);
    }
    void queue(std::size_t packets)
    {
        for (std::size_t i = 0; i < packets; ++i) session.enqueue(queued(pool, pattern(i, 1400)));
        session.send();
        watch.wake(7);
    }
    void read()
    {
        Buffer room(1 << 20);
        while (::recv(client.get(), room.data(), room.size(), 0) > 0) {
        }
    }

    PrivateNetns netns;
    Inside inside{netns};
    Loop loop;
    PacketPool pool;
    Fd client;
    Session session{loop, static_cast<Session::Listener&>(*this), 7};
    LaneWatch watch{loop, static_cast<LaneWatch::Listener&>(*this)};
    std::vector<LaneWatch::SubflowCut> cuts;
    std::vector<bool> pressure;
};

} // namespace

TEST_CASE("subflows that lose everything are cut by name and id, and the others carry on")
{
    Fixture fixture;
    Timer traffic{fixture.loop, [&] {
                      fixture.queue(20);
                      fixture.read();
                  }};
    traffic.every(5ms);
    runs_until(fixture.loop, 300ms, [] { return false; });
    CHECK(fixture.cuts.empty());
    run("nft 'add table inet t; add chain inet t in { type filter hook input priority 0; }; "
        "add rule inet t in ip daddr 127.0.0.2 drop; add rule inet t in ip daddr 127.0.0.1 tcp "
        "sport 8684 drop'");
    REQUIRE(fixture.until([&] { return fixture.cuts.size() == 2; }));
    std::vector<std::uint8_t> ids;
    for (const auto& cut : fixture.cuts) {
        REQUIRE(cut.address_id);
        ids.push_back(*cut.address_id);
        CHECK(cut.silent >= StallClock::least_patience);
        CHECK(cut.remote.address != address("127.0.0.3"));
    }
    std::ranges::sort(ids);
    CHECK(ids == std::vector<std::uint8_t>{0, 2});
    const auto living = mptcp::subflows(fixture.session.lane()->fd());
    REQUIRE(living);
    REQUIRE(living->size() == 1);
    CHECK(living->front().remote.address == address("127.0.0.3"));
    const auto before = living->front().bytes_acked;
    CHECK(fixture.until([&] {
        return mptcp::subflows(fixture.session.lane()->fd())->front().bytes_acked > before;
    }));
}

TEST_CASE("a queue that does not empty is told as pressure, and the end of it")
{
    Fixture fixture;
    fixture.queue(2000); // beyond what the socket takes from a client that does not read
    REQUIRE(fixture.until([&] { return !fixture.pressure.empty(); }));
    Timer reader{fixture.loop, [&] { fixture.read(); }};
    reader.every(5ms);
    CHECK(fixture.until([&] { return fixture.pressure.size() == 2; }));
    CHECK(fixture.pressure == std::vector<bool>{true, false});
    CHECK(fixture.cuts.empty());
}

TEST_CASE("a new lane begins without pressure")
{
    Fixture fixture;
    fixture.queue(2000);
    REQUIRE(fixture.until([&] { return !fixture.pressure.empty(); }));
    fixture.watch.lane_changed(7);
    REQUIRE(fixture.until([&] { return fixture.pressure.size() == 2; }));
    CHECK(fixture.pressure == std::vector<bool>{true, true});
}
