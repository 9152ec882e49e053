#include "common/session/session.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>

using namespace braid;
using namespace braid::test;

namespace {

enum class OnLoss { keep, destroy };

/// Keeps what a session reports, and lets it go at its end.
struct Owner : Session::Listener {
    Status on_packet(Session& from, const Offload&, Bytes packet) override
    {
        CHECK(&from == session.get());
        packets.emplace_back(packet.begin(), packet.end());
        return answer;
    }
    Status on_message(Session& from, const Message& message) override
    {
        CHECK(&from == session.get());
        messages.push_back(message);
        return {};
    }
    void on_lanes_lost(Session& from, const Error& reason) override
    {
        CHECK(&from == session.get());
        CHECK(from.lane() == nullptr);
        losses.push_back(reason);
        if (loss == OnLoss::destroy) session.reset();
    }
    void on_session_end(Session& from, const Error& reason) override
    {
        CHECK(&from == session.get());
        ends.push_back(reason);
        session.reset();
    }

    std::unique_ptr<Session> session;
    std::vector<Buffer> packets;
    std::vector<Message> messages;
    std::vector<Error> losses;
    std::vector<Error> ends;
    OnLoss loss = OnLoss::keep;
    Status answer;
};

struct Ends {
    explicit Ends(StreamPair pair = {}) : here(std::move(pair.here)), peer(std::move(pair.there))
    {
        owner.session = std::make_unique<Session>(loop, owner, 42);
    }
    void open() { owner.session->open_lane(std::move(here), keys_here(), {}); }
    /// One more lane; yields its other end.
    RawPeer open_further()
    {
        StreamPair pair;
        owner.session->open_lane(std::move(pair.here), keys_here(), {});
        return RawPeer{std::move(pair.there)};
    }

    Loop loop;
    PacketPool pool;
    Fd here;
    RawPeer peer;
    Owner owner;
};

} // namespace

TEST_CASE("a session opens a lane and handles what came behind the handshake")
{
    Ends ends;
    const Buffer behind = seal(ends.peer.sealer, packet_frame(pattern(1, 60)));
    ends.owner.session->open_lane(std::move(ends.here), keys_here(), behind);
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.packets.empty(); }));
    CHECK(ends.owner.session->lane()->counters().packets_received == 1);
}

TEST_CASE("what is queued leaves at send, messages at once")
{
    Ends ends;
    ends.open();
    ends.owner.session->enqueue(queued(ends.pool, pattern(1, 60)));
    CHECK(ends.owner.session->queue().packets() == 1);
    ends.owner.session->send_message(Hello{"first"});
    ends.peer.receive();
    CHECK(packets_in(ends.peer.records).empty());
    CHECK(messages_in(ends.peer.records) == std::vector<Message>{Hello{"first"}});
    ends.owner.session->send();
    ends.peer.receive();
    CHECK(packets_in(ends.peer.records) == std::vector<Buffer>{pattern(1, 60)});
    CHECK(ends.owner.session->queue().empty());
}

TEST_CASE("a session sends on by itself when its lane takes more")
{
    Ends ends;
    ends.open();
    for (std::size_t i = 0; i < 50; ++i)
        ends.owner.session->enqueue(queued(ends.pool, pattern(i, 60'000)));
    ends.owner.session->send();
    CHECK_FALSE(ends.owner.session->queue().empty());
    REQUIRE(runs_until(ends.loop, patience, [&] {
        ends.peer.receive();
        return packets_in(ends.peer.records).size() == 50;
    }));
    CHECK(ends.owner.session->queue().empty());
}

TEST_CASE("a session that is closed says why")
{
    Ends ends;
    ends.open();
    ends.owner.session->close(CloseReason::replaced);
    ends.peer.receive();
    CHECK(messages_in(ends.peer.records) == std::vector<Message>{Close{CloseReason::replaced}});
}

TEST_CASE("a session may be destroyed when its lanes are lost")
{
    Ends ends;
    ends.owner.loss = OnLoss::destroy;
    ends.open();
    ends.peer.close();
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.losses.empty(); }));
    settle(ends.loop);
    CHECK(ends.owner.losses.size() == 1);
    CHECK(ends.owner.losses.front().code == std::errc::connection_reset);
    CHECK(ends.owner.ends.empty());
    CHECK_FALSE(ends.owner.session);
}

TEST_CASE("a session goes on with the next lane after it has lost its last one")
{
    Ends ends;
    ends.open();
    ends.peer.send_record(packet_frame(pattern(1, 60)));
    REQUIRE(runs_until(ends.loop, patience, [&] { return ends.owner.packets.size() == 1; }));
    ends.peer.close();
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.losses.empty(); }));
    ends.owner.session->send_message(Hello{"to nobody"}); // without a lane: nothing

    RawPeer next = ends.open_further();
    next.send_record(packet_frame(pattern(2, 60)));
    REQUIRE(runs_until(ends.loop, patience, [&] { return ends.owner.packets.size() == 2; }));
    ends.owner.session->enqueue(queued(ends.pool, pattern(3, 60)));
    ends.owner.session->send();
    next.receive();
    CHECK(packets_in(next.records) == std::vector<Buffer>{pattern(3, 60)});
    CHECK(messages_in(next.records).empty());
    CHECK(ends.owner.session->counters().packets_received == 2);
    CHECK(ends.owner.session->counters().packets_sent == 1);
}

TEST_CASE("what was queued when the last lane was lost is not kept for long")
{
    Ends ends;
    ends.open();
    ends.owner.session->enqueue(queued(ends.pool, pattern(1, 60)));
    ends.peer.close();
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.losses.empty(); }));
    CHECK_FALSE(ends.owner.session->queue().empty());
    CHECK(runs_until(ends.loop, patience, [&] { return ends.owner.session->queue().empty(); }));
}

TEST_CASE("what was queued when the last lane was lost goes by the next")
{
    Ends ends;
    ends.open();
    ends.owner.session->enqueue(queued(ends.pool, pattern(1, 60)));
    ends.peer.close();
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.losses.empty(); }));
    RawPeer next = ends.open_further();
    ends.owner.session->send();
    next.receive();
    CHECK(packets_in(next.records) == std::vector<Buffer>{pattern(1, 60)});
}

TEST_CASE("the newest lane sends, all are heard")
{
    Ends ends;
    ends.open();
    RawPeer newer = ends.open_further();
    ends.owner.session->enqueue(queued(ends.pool, pattern(1, 60)));
    ends.owner.session->send();
    ends.owner.session->send_message(Hello{"a"});
    newer.receive();
    ends.peer.receive();
    CHECK(packets_in(newer.records) == std::vector<Buffer>{pattern(1, 60)});
    CHECK(messages_in(newer.records) == std::vector<Message>{Hello{"a"}});
    CHECK(ends.peer.records.empty());

    ends.peer.send_record(packet_frame(pattern(2, 60)));
    newer.send_record(packet_frame(pattern(3, 60)));
    CHECK(runs_until(ends.loop, patience, [&] { return ends.owner.packets.size() == 2; }));
}

TEST_CASE("a session that is held hears none of its lanes until it is released")
{
    Ends ends;
    ends.open();
    RawPeer newer = ends.open_further();
    ends.owner.session->hold();
    ends.peer.send_record(packet_frame(pattern(1, 60)));
    newer.send_record(packet_frame(pattern(2, 60)));
    settle(ends.loop);
    CHECK(ends.owner.packets.empty());
    ends.owner.session->release();
    CHECK(runs_until(ends.loop, patience, [&] { return ends.owner.packets.size() == 2; }));
}

TEST_CASE("when the newest lane ends the one before sends again")
{
    Ends ends;
    ends.open();
    RawPeer newer = ends.open_further();
    newer.close();
    settle(ends.loop);
    ends.owner.session->send_message(Hello{"a"});
    ends.peer.receive();
    CHECK(messages_in(ends.peer.records) == std::vector<Message>{Hello{"a"}});
    CHECK(ends.owner.losses.empty());
}

TEST_CASE("one lane too many pushes out the oldest")
{
    Ends ends;
    ends.open();
    std::vector<RawPeer> others;
    for (std::size_t i = 0; i < Session::max_lanes; ++i) others.push_back(ends.open_further());
    settle(ends.loop);
    ends.peer.receive();
    CHECK(ends.peer.closed);
    others.front().receive();
    CHECK_FALSE(others.front().closed);
    CHECK(ends.owner.losses.empty());
}

TEST_CASE("a session whose lanes are dropped says nothing of it")
{
    Ends ends;
    ends.open();
    ends.owner.session->drop_lanes();
    settle(ends.loop);
    ends.peer.receive();
    CHECK(ends.peer.closed);
    CHECK(ends.peer.records.empty());
    CHECK(ends.owner.losses.empty());
    CHECK(ends.owner.session->lane() == nullptr);
}

TEST_CASE("a goodbye of the peer ends the session, whatever other lanes it has")
{
    Ends ends;
    ends.open();
    RawPeer newer = ends.open_further();
    newer.send_record(message_frame(Close{CloseReason::stopping}));
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.ends.empty(); }));
    CHECK(ends.owner.ends.front().what.find("stopping") != std::string::npos);
    CHECK(ends.owner.messages.empty());
    CHECK(ends.owner.losses.empty());
}

TEST_CASE("an owner that refuses a packet ends the lane with its own error")
{
    Ends ends;
    ends.open();
    ends.owner.answer = fail(std::errc::bad_address, "not mine");
    ends.peer.send_record(packet_frame(pattern(1, 60)) + packet_frame(pattern(2, 60)));
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.losses.empty(); }));
    CHECK(ends.owner.losses.front().code == std::errc::bad_address);
    CHECK(ends.owner.packets.size() == 1);
}

TEST_CASE("a session keeps its owner's tag")
{
    Ends ends;
    CHECK(ends.owner.session->tag() == 42);
}
