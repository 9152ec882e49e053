#include "common/session/lane.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <string>

using namespace braid;
using namespace braid::test;

namespace {

/// A lane that can be destroyed, and a peer by hand.
struct Ends {
    explicit Ends(Bytes received = {}, StreamPair pair = {})
        : peer(std::move(pair.there)),
          lane(std::make_unique<Lane>(loop, std::move(pair.here), keys_here(), received, heard))
    {
    }

    /// True when the lane has ended within the time; what follows is handled, too.
    bool ends()
    {
        const bool ended = runs_until(loop, patience, [&] { return !heard.ends.empty(); });
        settle(loop);
        return ended;
    }
    void destroy_at_end()
    {
        heard.end_hook = [this] { lane.reset(); };
    }

    Loop loop;
    PacketPool pool;
    Recorder heard;
    RawPeer peer;
    std::unique_ptr<Lane> lane;
};

Buffer with_header(UnitType type, std::size_t length, std::size_t body)
{
    Buffer unit(unit_header_size + body);
    write_unit_header(unit, type, length);
    return unit;
}

Buffer first(const Buffer& bytes, std::size_t size)
{
    const Bytes part = Bytes{bytes}.first(size);
    return {part.begin(), part.end()};
}

/// Never read: the socket's buffer, then the lane's, are full of it.
void fill(Ends& ends, FairQueue& queue)
{
    for (std::size_t i = 0; i < 40; ++i) queue.push(queued(ends.pool, pattern(i, 60'000)));
    ends.lane->send_packets(queue);
    REQUIRE_FALSE(queue.empty());
}

} // namespace

TEST_CASE("a record with one flipped bit ends the lane, wherever the bit is")
{
    for (const std::size_t at : {std::size_t{4}, std::size_t{40}, std::size_t{125}}) {
        CAPTURE(at);
        Ends ends;
        Buffer record = seal(ends.peer.sealer, packet_frame(pattern(1, 100)));
        REQUIRE(record.size() == 126);
        record[at] ^= std::byte{1};
        ends.peer.send(record);
        CHECK(ends.ends());
        CHECK(ends.heard.ended_with(std::errc::protocol_error));
        CHECK(ends.heard.packets.empty());
    }
}

TEST_CASE("units that are no records end the lane")
{
    struct Case {
        const char* name;
        Buffer unit;
    };
    for (const auto& each :
         {Case{"client hello", with_header(UnitType::client_hello, 114, 114)},
          Case{"server hello", with_header(UnitType::server_hello, 65, 65)},
          Case{"refused", with_header(UnitType::refused, 0, 0)},
          Case{"lane join", with_header(UnitType::lane_join, 20, 20)},
          Case{"unknown type", with_header(static_cast<UnitType>(99), 20, 20)},
          Case{"type zero", with_header(static_cast<UnitType>(0), 20, 20)},
          Case{"record without a tag", with_header(UnitType::record, 15, 15)},
          Case{"record too large", with_header(UnitType::record, max_unit_size, 0)}}) {
        CAPTURE(each.name);
        Ends ends;
        ends.peer.send(each.unit);
        CHECK(ends.ends());
        CHECK(ends.heard.ended_with(std::errc::protocol_error));
    }
}

TEST_CASE("an authentic record with a broken frame ends the lane behind the frames before it")
{
    const Buffer good = packet_frame(pattern(1, 60));
    Buffer unknown_kind = good;
    unknown_kind[0] = std::byte{3};
    Buffer unknown_flag = good;
    unknown_flag[1] = std::byte{0x80};
    struct Case {
        const char* name;
        Buffer frame;
    };
    for (const auto& each :
         {Case{"header cut short", first(good, 5)}, Case{"payload cut short", first(good, 65)},
          Case{"no payload", Buffer(6, std::byte{0})}, Case{"unknown kind", unknown_kind},
          Case{"unknown flag", unknown_flag}}) {
        CAPTURE(each.name);
        Ends ends;
        ends.peer.send_record(good + each.frame);
        CHECK(ends.ends());
        CHECK(ends.heard.ended_with(std::errc::protocol_error));
        CHECK(ends.heard.packets.size() == 1);
    }
}

TEST_CASE("a message cut short ends the lane")
{
    const Buffer ping = message_frame(Ping{1});
    Buffer cut = first(ping, ping.size() - 1);
    cut[5] = static_cast<std::byte>(cut.size() - frame_header_size);
    Ends ends;
    ends.peer.send_record(cut);
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::protocol_error));
}

TEST_CASE("a record that comes twice ends the lane")
{
    Ends ends;
    const Buffer record = seal(ends.peer.sealer, packet_frame(pattern(1, 60)));
    ends.peer.send(record + record);
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::protocol_error));
    CHECK(ends.heard.packets.size() == 1);
}

TEST_CASE("nothing that comes behind the fault is handled")
{
    Ends ends;
    Buffer broken = seal(ends.peer.sealer, packet_frame(pattern(1, 60)));
    broken.back() ^= std::byte{1};
    ends.peer.send(broken);
    ends.peer.send_record(packet_frame(pattern(2, 60)));
    CHECK(ends.ends());
    ends.peer.close();
    settle(ends.loop);
    CHECK(ends.heard.ends.size() == 1);
    CHECK(ends.heard.packets.empty());
}

TEST_CASE("a peer that closes ends the lane behind what it sent")
{
    Ends ends;
    ends.peer.send_record(packet_frame(pattern(1, 60)));
    ends.peer.close();
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::connection_reset));
    CHECK(ends.heard.packets.size() == 1);
}

TEST_CASE("a peer that closes within a record ends the lane without that record")
{
    Ends ends;
    const Buffer record = seal(ends.peer.sealer, packet_frame(pattern(1, 60)));
    ends.peer.send(Bytes{record}.first(50));
    ends.peer.close();
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::connection_reset));
    CHECK(ends.heard.packets.empty());
}

TEST_CASE("a listener that refuses a packet ends the lane with its own error")
{
    Ends ends;
    ends.heard.packet_answer = fail(std::errc::bad_address, "not mine");
    ends.peer.send_record(packet_frame(pattern(1, 60)) + packet_frame(pattern(2, 60)));
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::bad_address));
    CHECK(ends.heard.packets.size() == 1);
}

TEST_CASE("a listener that refuses a message ends the lane with its own error")
{
    Ends ends;
    ends.heard.message_hook = [](const Message&) -> Status {
        return fail(std::errc::connection_reset, "the peer said goodbye");
    };
    ends.peer.send_record(message_frame(Close{}) + packet_frame(pattern(1, 60)));
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::connection_reset));
    CHECK(ends.heard.packets.empty());
}

TEST_CASE("a fault while sending is reported from the loop")
{
    Ends ends;
    REQUIRE(::shutdown(ends.peer.fd(), SHUT_RD) == 0);
    ends.lane->send_message(Hello{"nobody hears"});
    CHECK(ends.heard.ends.empty());
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::broken_pipe));
}

TEST_CASE("faults of both directions at once are one end")
{
    Ends ends;
    ends.peer.send(with_header(UnitType::refused, 0, 0));
    REQUIRE(::shutdown(ends.peer.fd(), SHUT_RD) == 0);
    ends.lane->send_message(Hello{"nobody hears"});
    ends.lane->send_message(Hello{"nobody hears"});
    CHECK(ends.ends());
    CHECK(ends.heard.ends.size() == 1);
}

TEST_CASE("a peer that does not read stops the packets, not the lane")
{
    Ends ends;
    FairQueue queue;
    fill(ends, queue);
    const auto left = queue.packets();
    settle(ends.loop);
    ends.lane->send_packets(queue);
    CHECK(queue.packets() == left);
    CHECK(ends.heard.sendable == 0);
    CHECK(ends.heard.ends.empty());
}

TEST_CASE("a peer that pings and does not read gets one answer when it reads")
{
    Ends ends;
    FairQueue queue;
    fill(ends, queue);
    for (std::uint64_t i = 0; i < 200; ++i) {
        ends.peer.send_record(message_frame(Ping{i}));
        settle(ends.loop);
    }
    CHECK(ends.heard.ends.empty());
    const auto pongs = [&] {
        ends.peer.receive();
        return messages_in(ends.peer.records);
    };
    CHECK(runs_until(ends.loop, patience, [&] { return !pongs().empty(); }));
    settle(ends.loop);
    CHECK(pongs() == std::vector<Message>{Pong{199}});
}

TEST_CASE("messages for a peer that does not read are bounded")
{
    Ends ends;
    FairQueue queue;
    fill(ends, queue);
    for (std::uint64_t i = 0; i < 10'000; ++i) ends.lane->send_message(Ping{i});
    CHECK(ends.heard.ends.empty());
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::no_buffer_space));
}

TEST_CASE("a lane may be destroyed at its end, whatever the reason")
{
    struct Case {
        const char* name;
        std::function<void(Ends&)> cause;
    };
    const Case cases[]{{"closed", [](Ends& ends) { ends.peer.close(); }},
                       {"garbage", [](Ends& ends) { ends.peer.send(pattern(9, 100)); }},
                       {"refused by the listener",
                        [](Ends& ends) {
                            ends.heard.packet_answer = fail(std::errc::bad_address, "not mine");
                            ends.peer.send_record(packet_frame(pattern(1, 60)) +
                                                  packet_frame(pattern(2, 60)));
                        }},
                       {"cannot send", [](Ends& ends) {
                            REQUIRE(::shutdown(ends.peer.fd(), SHUT_RD) == 0);
                            ends.lane->send_message(Hello{"nobody hears"});
                        }}};
    for (const auto& each : cases) {
        CAPTURE(each.name);
        Ends ends;
        ends.destroy_at_end();
        each.cause(ends);
        CHECK(ends.ends());
        CHECK(ends.heard.ends.size() == 1);
        CHECK_FALSE(ends.lane);
    }
}

TEST_CASE("garbage behind the handshake ends the lane, which may be destroyed then")
{
    const Buffer garbage = pattern(200, 100);
    Ends ends{garbage};
    ends.destroy_at_end();
    CHECK(ends.heard.ends.empty());
    CHECK(ends.ends());
    CHECK(ends.heard.ended_with(std::errc::protocol_error));
}

TEST_CASE("a lane that has ended does nothing more, whatever it is told")
{
    Ends ends;
    FairQueue queue;
    queue.push(queued(ends.pool, pattern(1, 60)));
    ends.peer.close();
    REQUIRE(ends.ends());
    ends.lane->send_message(Hello{"late"});
    ends.lane->send_packets(queue);
    ends.lane->close(CloseReason::stopping);
    settle(ends.loop);
    CHECK(ends.heard.ends.size() == 1);
}
