#include "common/session/session.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>

using namespace braid;
using namespace braid::test;

namespace {

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
    void on_session_end(Session& from, const Error& reason) override
    {
        CHECK(&from == session.get());
        ends.push_back(reason);
        session.reset();
    }

    std::unique_ptr<Session> session;
    std::vector<Buffer> packets;
    std::vector<Message> messages;
    std::vector<Error> ends;
    Status answer;
};

struct Ends {
    explicit Ends(StreamPair pair = {}) : here(std::move(pair.here)), peer(std::move(pair.there))
    {
        owner.session = std::make_unique<Session>(owner, 42);
    }
    void open() { owner.session->open_lane(loop, std::move(here), keys_here(), {}); }

    Loop loop;
    PacketPool pool;
    Fd here;
    RawPeer peer;
    Owner owner;
};

} // namespace

TEST_CASE("a session that has adopted a lane hears it instead of the listener before")
{
    Ends ends;
    Recorder before;
    auto lane = std::make_unique<Lane>(ends.loop, std::move(ends.here), keys_here(), Bytes{},
                                       static_cast<Lane::Listener&>(before));
    ends.owner.session->adopt(std::move(lane));
    ends.peer.send_record(message_frame(Hello{"a"}) + packet_frame(pattern(1, 60)));
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.packets.empty(); }));
    CHECK(ends.owner.messages == std::vector<Message>{Hello{"a"}});
    CHECK(ends.owner.packets == std::vector<Buffer>{pattern(1, 60)});
    CHECK(before.messages.empty());
    CHECK(before.packets.empty());
}

TEST_CASE("a session opens a lane and handles what came behind the handshake")
{
    Ends ends;
    const Buffer behind = seal(ends.peer.sealer, packet_frame(pattern(1, 60)));
    ends.owner.session->open_lane(ends.loop, std::move(ends.here), keys_here(), behind);
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.packets.empty(); }));
    CHECK(ends.owner.session->lane().counters().packets_received == 1);
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

TEST_CASE("a session may be destroyed at its end")
{
    Ends ends;
    ends.open();
    ends.peer.close();
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.ends.empty(); }));
    settle(ends.loop);
    CHECK(ends.owner.ends.size() == 1);
    CHECK(ends.owner.ends.front().code == std::errc::connection_reset);
    CHECK_FALSE(ends.owner.session);
}

TEST_CASE("an owner that refuses a packet ends the session with its own error")
{
    Ends ends;
    ends.open();
    ends.owner.answer = fail(std::errc::bad_address, "not mine");
    ends.peer.send_record(packet_frame(pattern(1, 60)) + packet_frame(pattern(2, 60)));
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.owner.ends.empty(); }));
    CHECK(ends.owner.ends.front().code == std::errc::bad_address);
    CHECK(ends.owner.packets.size() == 1);
}

TEST_CASE("a session keeps its owner's tag")
{
    Ends ends;
    CHECK(ends.owner.session->tag() == 42);
}
