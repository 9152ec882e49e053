#include "common/session/lane.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>

using namespace braid;
using namespace braid::test;

namespace {

/// Two lanes that talk to each other.
struct TwoLanes {
    explicit TwoLanes(StreamPair pair = {})
        : here(loop, std::move(pair.here), keys_here(), {}, heard_here),
          there(loop, std::move(pair.there), keys_there(), {}, heard_there)
    {
    }

    Loop loop;
    PacketPool pool;
    Recorder heard_here;
    Recorder heard_there;
    Lane here;
    Lane there;
};

/// A lane "here" and a peer by hand "there".
struct LaneAndPeer {
    explicit LaneAndPeer(StreamPair pair = {})
        : peer(std::move(pair.there)), lane(loop, std::move(pair.here), keys_here(), {}, heard)
    {
    }

    Loop loop;
    PacketPool pool;
    Recorder heard;
    RawPeer peer;
    Lane lane;
};

const Offload segmented{
    .needs_checksum = true, .ecn = true, .gso = Gso::tcp4, .segment_size = 1448};

} // namespace

TEST_CASE("packets arrive in order, with what is said of their offload")
{
    TwoLanes lanes;
    FairQueue queue;
    const std::vector<Recorder::Packet> sent{{{}, pattern(1, 40)},
                                             {segmented, pattern(2, 30'000)},
                                             {{.needs_checksum = true}, pattern(3, 1500)},
                                             {{}, pattern(4, 1)}};
    for (const auto& [offload, bytes] : sent) queue.push(queued(lanes.pool, bytes, offload));
    lanes.here.send_packets(queue);
    CHECK(queue.empty());
    REQUIRE(
        runs_until(lanes.loop, patience, [&] { return lanes.heard_there.packets.size() == 4; }));
    CHECK(lanes.heard_there.packets == sent);
}

TEST_CASE("both directions have keys of their own and do not disturb each other")
{
    TwoLanes lanes;
    for (std::size_t i = 0; i < 3; ++i) {
        FairQueue out;
        FairQueue back;
        out.push(queued(lanes.pool, pattern(i, 100)));
        back.push(queued(lanes.pool, pattern(i + 100, 200)));
        lanes.here.send_packets(out);
        lanes.there.send_packets(back);
    }
    REQUIRE(runs_until(lanes.loop, patience, [&] {
        return lanes.heard_here.packets.size() == 3 && lanes.heard_there.packets.size() == 3;
    }));
    CHECK(lanes.heard_there.packets.back().bytes == pattern(2, 100));
    CHECK(lanes.heard_here.packets.back().bytes == pattern(102, 200));
}

TEST_CASE("the largest super-packet fits")
{
    TwoLanes lanes;
    FairQueue queue;
    queue.push(queued(lanes.pool, pattern(7, max_packet_size), segmented));
    lanes.here.send_packets(queue);
    REQUIRE(runs_until(lanes.loop, patience, [&] { return !lanes.heard_there.packets.empty(); }));
    CHECK(lanes.heard_there.packets ==
          std::vector<Recorder::Packet>{{segmented, pattern(7, max_packet_size)}});
}

TEST_CASE("messages arrive in order and reach the listener")
{
    TwoLanes lanes;
    const std::vector<Message> sent{Hello{"braid 1"},
                                    TunnelConfig{.addresses = {prefix("10.86.0.2/24")},
                                                 .server_addresses = {address("10.86.0.1")},
                                                 .mtu = 1400,
                                                 .software = "braid 2"},
                                    Close{CloseReason::replaced}};
    for (const Message& message : sent) lanes.here.send_message(message);
    REQUIRE(
        runs_until(lanes.loop, patience, [&] { return lanes.heard_there.messages.size() == 3; }));
    CHECK(lanes.heard_there.messages == sent);
}

TEST_CASE("many small packets share few records")
{
    LaneAndPeer ends;
    FairQueue queue;
    for (std::size_t i = 0; i < 70; ++i) queue.push(queued(ends.pool, pattern(i, 100)));
    ends.lane.send_packets(queue);
    ends.peer.receive();
    CHECK(ends.peer.records.size() == 1);
    CHECK(packets_in(ends.peer.records).size() == 70);
    CHECK(packets_in(ends.peer.records).back() == pattern(69, 100));
}

TEST_CASE("a record holds at most 128 packets")
{
    LaneAndPeer ends;
    FairQueue queue;
    for (std::size_t i = 0; i < 129; ++i) queue.push(queued(ends.pool, pattern(i, 20)));
    ends.lane.send_packets(queue);
    ends.peer.receive();
    REQUIRE(ends.peer.records.size() == 2);
    CHECK(packets_in({ends.peer.records.front()}).size() == 128);
    CHECK(packets_in({ends.peer.records.back()}) == std::vector<Buffer>{pattern(128, 20)});
}

TEST_CASE("a record of a shaped lane is closed at 8 KiB")
{
    LaneAndPeer ends;
    FairQueue queue;
    for (std::size_t i = 0; i < 12; ++i) queue.push(queued(ends.pool, pattern(i, 1400)));
    ends.lane.send_packets(queue);
    ends.peer.receive();
    REQUIRE(ends.peer.records.size() == 2);
    CHECK(packets_in({ends.peer.records.front()}).size() == 6);
}

TEST_CASE("a ping is answered with its number and is not the listener's business")
{
    LaneAndPeer ends;
    ends.peer.send_record(message_frame(Ping{0x0123456789abcdef}));
    REQUIRE(runs_until(ends.loop, patience, [&] {
        ends.peer.receive();
        return !ends.peer.records.empty();
    }));
    CHECK(messages_in(ends.peer.records) == std::vector<Message>{Pong{0x0123456789abcdef}});
    CHECK(ends.heard.messages.empty());
}

TEST_CASE("of pings that come together the last is answered")
{
    LaneAndPeer ends;
    ends.peer.send_record(message_frame(Ping{1}) + message_frame(Ping{2}) + message_frame(Ping{3}));
    REQUIRE(runs_until(ends.loop, patience, [&] {
        ends.peer.receive();
        return !ends.peer.records.empty();
    }));
    settle(ends.loop);
    ends.peer.receive();
    CHECK(messages_in(ends.peer.records) == std::vector<Message>{Pong{3}});
}

TEST_CASE("a pong that answers no ping of ours tells no round trip")
{
    LaneAndPeer ends;
    ends.peer.send_record(message_frame(Pong{99}));
    settle(ends.loop);
    CHECK_FALSE(ends.lane.rtt());
    CHECK(ends.heard.messages.empty());
    CHECK(ends.heard.ends.empty());
}

TEST_CASE("a message of an unknown type is skipped")
{
    LaneAndPeer ends;
    Buffer unknown = message_frame(Close{});
    unknown[frame_header_size] = std::byte{200};
    ends.peer.send_record(unknown + message_frame(Hello{"later"}));
    REQUIRE(runs_until(ends.loop, patience, [&] { return !ends.heard.messages.empty(); }));
    CHECK(ends.heard.messages == std::vector<Message>{Hello{"later"}});
    CHECK(ends.heard.ends.empty());
}

TEST_CASE("close tells the reason and then ends the stream")
{
    LaneAndPeer ends;
    ends.lane.close(CloseReason::stopping);
    ends.peer.receive();
    CHECK(messages_in(ends.peer.records) == std::vector<Message>{Close{CloseReason::stopping}});
    CHECK(ends.peer.closed);
}

TEST_CASE("a record under the peer's next key is taken")
{
    LaneAndPeer ends;
    ends.peer.send_record(packet_frame(pattern(1, 50)));
    ends.peer.sealer.rekey();
    ends.peer.send_record(packet_frame(pattern(2, 50)));
    ends.peer.send_record(packet_frame(pattern(3, 50)));
    REQUIRE(runs_until(ends.loop, patience, [&] { return ends.heard.packets.size() == 3; }));
    CHECK(ends.heard.packets.back().bytes == pattern(3, 50));
}

TEST_CASE("records may come in pieces of any size")
{
    LaneAndPeer ends;
    Buffer stream = seal(ends.peer.sealer, packet_frame(pattern(1, 60)));
    stream = stream + seal(ends.peer.sealer, packet_frame(pattern(2, 60)));
    std::size_t sent = 0;
    REQUIRE(runs_until(ends.loop, patience, [&] {
        const std::size_t size = std::min<std::size_t>(11, stream.size() - sent);
        if (size > 0) ends.peer.send(Bytes{stream}.subspan(sent, size));
        sent += size;
        return ends.heard.packets.size() == 2;
    }));
    CHECK(ends.heard.packets.front().bytes == pattern(1, 60));
    CHECK(ends.heard.packets.back().bytes == pattern(2, 60));
}

TEST_CASE("bytes that came behind the handshake are handled, but not by the constructor")
{
    Loop loop;
    StreamPair pair;
    RawPeer peer{std::move(pair.there)};
    Recorder heard;
    const Buffer first = seal(peer.sealer, packet_frame(pattern(1, 60)));
    const Buffer second = seal(peer.sealer, packet_frame(pattern(2, 60)));
    const Bytes begin = Bytes{second}.first(30);
    Lane lane{loop, std::move(pair.here), keys_here(), first + Buffer(begin.begin(), begin.end()),
              heard};
    CHECK(heard.packets.empty());
    REQUIRE(runs_until(loop, patience, [&] { return heard.packets.size() == 1; }));
    peer.send(Bytes{second}.subspan(30));
    REQUIRE(runs_until(loop, patience, [&] { return heard.packets.size() == 2; }));
    CHECK(heard.packets.back().bytes == pattern(2, 60));
}

TEST_CASE("a lane that rests asks for no packets, whatever waits")
{
    TwoLanes lanes;
    FairQueue queue;
    for (std::size_t i = 0; i < 50; ++i) queue.push(queued(lanes.pool, pattern(i, 60'000)));
    lanes.here.send_packets(queue);
    REQUIRE_FALSE(queue.empty());
    lanes.here.rest();
    const std::size_t left = queue.packets();
    REQUIRE(runs_until(lanes.loop, patience,
                       [&] { return lanes.heard_there.packets.size() == 50 - left; }));
    settle(lanes.loop);
    CHECK(lanes.heard_here.sendable == 0);
    CHECK(queue.packets() == left);
}

TEST_CASE("a held lane reads nothing and takes no packets, but sends messages")
{
    LaneAndPeer ends;
    FairQueue queue;
    ends.lane.hold();
    CHECK(ends.lane.held());
    queue.push(queued(ends.pool, pattern(1, 100)));
    ends.lane.send_packets(queue);
    ends.lane.send_message(LaneHello{});
    ends.peer.send_record(packet_frame(pattern(2, 100)));
    settle(ends.loop);
    ends.peer.receive();
    CHECK(packets_in(ends.peer.records).empty());
    CHECK(messages_in(ends.peer.records).size() == 1);
    CHECK_FALSE(queue.empty());
    CHECK(ends.heard.packets.empty());

    ends.heard.sendable_hook = [&] { ends.lane.send_packets(queue); };
    ends.lane.release();
    CHECK_FALSE(ends.lane.held());
    REQUIRE(runs_until(ends.loop, patience, [&] {
        ends.peer.receive();
        return !ends.heard.packets.empty() && !packets_in(ends.peer.records).empty();
    }));
    CHECK(ends.heard.packets.front().bytes == pattern(2, 100));
    CHECK(packets_in(ends.peer.records) == std::vector<Buffer>{pattern(1, 100)});
}

TEST_CASE("what the kernel does not take waits in the queue and goes when it takes more")
{
    TwoLanes lanes;
    FairQueue queue;
    constexpr std::size_t count = 50;
    for (std::size_t i = 0; i < count; ++i) queue.push(queued(lanes.pool, pattern(i, 60'000)));
    REQUIRE(queue.dropped() == 0);
    lanes.heard_here.sendable_hook = [&] { lanes.here.send_packets(queue); };
    lanes.here.send_packets(queue);
    CHECK_FALSE(queue.empty());
    CHECK(lanes.heard_here.sendable == 0); // Never from inside a call.
    REQUIRE(runs_until(lanes.loop, patience,
                       [&] { return lanes.heard_there.packets.size() == count; }));
    CHECK(lanes.heard_here.sendable > 0);
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(i);
        CHECK(lanes.heard_there.packets[i].bytes == pattern(i, 60'000));
    }
}

TEST_CASE("packets go on when it was a message that found the kernel free again")
{
    LaneAndPeer ends;
    FairQueue queue;
    for (std::size_t i = 0; i < 50; ++i) queue.push(queued(ends.pool, pattern(i, 60'000)));
    ends.lane.send_packets(queue);
    REQUIRE_FALSE(queue.empty());
    ends.peer.receive();
    ends.lane.send_message(Hello{"between"});
    CHECK(runs_until(ends.loop, patience, [&] { return ends.heard.sendable > 0; }));
}

TEST_CASE("a lane with nothing waiting does not ask for packets")
{
    LaneAndPeer ends;
    FairQueue queue;
    queue.push(queued(ends.pool, pattern(1, 100)));
    ends.lane.send_packets(queue);
    settle(ends.loop);
    CHECK(ends.heard.sendable == 0);
}

TEST_CASE("the counters count inner packets and their bytes")
{
    TwoLanes lanes;
    FairQueue queue;
    for (const std::size_t size : {40u, 1000u, 60'000u})
        queue.push(queued(lanes.pool, pattern(0, size)));
    lanes.here.send_packets(queue);
    lanes.here.send_message(Hello{"not counted"});
    REQUIRE(runs_until(lanes.loop, patience, [&] { return !lanes.heard_there.messages.empty(); }));
    CHECK(lanes.here.counters().packets_sent == 3);
    CHECK(lanes.here.counters().bytes_sent == 61'040);
    CHECK(lanes.there.counters().packets_received == 3);
    CHECK(lanes.there.counters().bytes_received == 61'040);
    CHECK(lanes.there.counters().packets_sent == 0);
}
