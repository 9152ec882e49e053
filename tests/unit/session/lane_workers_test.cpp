#include "common/session/lane.hpp"
#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <optional>

using namespace braid;
using namespace braid::test;

namespace {

constexpr std::size_t record_size = 60'000;

Lane::Keys with_workers(Lane::Keys keys, RecordWorkers& workers)
{
    keys.workers = &workers;
    return keys;
}

/// A lane "here" that shares its work, and finds a stream of the peer's right at its start.
struct Busy {
    explicit Busy(std::uint32_t threads) : workers(loop, threads), peer(std::move(pair.there)) {}

    void start()
    {
        lane.emplace(loop, std::move(pair.here), with_workers(keys_here(), workers), stream, heard);
    }
    void add(const Buffer& unit) { stream = stream + unit; }
    Buffer packet(std::size_t size = record_size)
    {
        return seal(peer.sealer, packet_frame(pattern(sent++, size)));
    }
    bool until(const std::function<bool()>& condition)
    {
        return runs_until(loop, patience, condition);
    }
    void check_packets(std::size_t count)
    {
        CHECK(heard.packets.size() == count);
        for (std::size_t i = 0; i < heard.packets.size(); ++i) {
            CAPTURE(i);
            const auto& bytes = heard.packets[i].bytes;
            CHECK(bytes == pattern(i, bytes.size()));
        }
    }

    Loop loop;
    RecordWorkers workers;
    StreamPair pair;
    Recorder heard;
    RawPeer peer;
    std::size_t sent = 0;
    Buffer stream;
    std::optional<Lane> lane;
};

/// Two lanes that share their work and talk to each other.
struct TwoBusyLanes {
    explicit TwoBusyLanes(std::uint32_t threads, StreamPair pair = {})
        : workers(loop, threads),
          here(loop, std::move(pair.here), with_workers(keys_here(), workers), {}, heard_here),
          there(loop, std::move(pair.there), with_workers(keys_there(), workers), {}, heard_there)
    {
        heard_here.sendable_hook = [this] { here.send_packets(out); };
        heard_there.sendable_hook = [this] { there.send_packets(back); };
    }

    Loop loop;
    RecordWorkers workers;
    PacketPool pool;
    FairQueue out{std::size_t{64} << 20};
    FairQueue back{std::size_t{64} << 20};
    Recorder heard_here;
    Recorder heard_there;
    Lane here;
    Lane there;
};

} // namespace

TEST_CASE("records that are opened at once are handled in order")
{
    for (const std::uint32_t threads : {2u, 3u, 9u}) {
        CAPTURE(threads);
        Busy busy{threads};
        for (int i = 0; i < 8; ++i) busy.add(busy.packet());
        busy.start();
        CHECK(busy.until([&] { return busy.heard.packets.size() == 8; }));
        busy.check_packets(8);
        CHECK(busy.workers.view().threads == threads - 1);
        CHECK(busy.heard.ends.empty());
    }
}

TEST_CASE("small records between large ones keep their places")
{
    Busy busy{3};
    for (int i = 0; i < 6; ++i) {
        busy.add(busy.packet());
        busy.add(busy.packet(100));
        busy.add(busy.packet(1));
    }
    busy.start();
    CHECK(busy.until([&] { return busy.heard.packets.size() == 18; }));
    busy.check_packets(18);
}

TEST_CASE("more than a turn handles is handled in order, too")
{
    Busy busy{3};
    for (int record = 0; record < 6; ++record) {
        Buffer frames;
        for (int i = 0; i < 50; ++i) frames = frames + packet_frame(pattern(busy.sent++, 1200));
        busy.add(seal(busy.peer.sealer, frames));
    }
    busy.start();
    CHECK(busy.until([&] { return busy.heard.packets.size() == 300; }));
    busy.check_packets(300);
}

TEST_CASE("one flipped bit among records that are opened at once ends the lane there")
{
    for (std::size_t broken = 0; broken < 8; ++broken) {
        CAPTURE(broken);
        Busy busy{4};
        for (std::size_t i = 0; i < 8; ++i) {
            Buffer unit = busy.packet();
            if (i == broken) unit[unit.size() / 2] ^= std::byte{4};
            busy.add(unit);
        }
        busy.start();
        CHECK(busy.until([&] { return !busy.heard.ends.empty(); }));
        settle(busy.loop);
        REQUIRE(busy.heard.ended_with(std::errc::protocol_error));
        // And not because what is left of it, zeros, makes no frame.
        CHECK(busy.heard.ends.front().what == "record: not authentic");
        busy.check_packets(broken);
    }
}

TEST_CASE("a unit that is no record ends the lane behind those that are opened at once")
{
    Busy busy{3};
    for (int i = 0; i < 4; ++i) busy.add(busy.packet());
    Buffer foreign(100);
    write_unit_header(foreign, UnitType::refused, 96);
    busy.add(foreign);
    busy.start();
    CHECK(busy.until([&] { return !busy.heard.ends.empty(); }));
    CHECK(busy.heard.ended_with(std::errc::protocol_error));
    busy.check_packets(4);
}

TEST_CASE("the peer may change its key in the midst of records that are opened at once")
{
    Busy busy{3};
    for (int i = 0; i < 8; ++i) {
        if (i % 3 == 2) busy.peer.sealer.rekey();
        busy.add(busy.packet());
    }
    busy.start();
    CHECK(busy.until([&] { return busy.heard.packets.size() == 8; }));
    busy.check_packets(8);
    CHECK(busy.heard.ends.empty());
}

TEST_CASE("a peer that closes ends the lane behind all that it sent")
{
    for (int round = 0; round < 10; ++round) {
        Busy busy{2};
        for (int i = 0; i < 8; ++i) busy.add(busy.packet());
        busy.peer.close();
        busy.start();
        CHECK(busy.until([&] { return !busy.heard.ends.empty(); }));
        CHECK(busy.heard.ended_with(std::errc::connection_reset));
        busy.check_packets(8);
    }
}

TEST_CASE("a lane may be destroyed with records under way, at any point")
{
    for (std::size_t handled = 0; handled < 8; ++handled) {
        CAPTURE(handled);
        Busy busy{4};
        for (int i = 0; i < 8; ++i) busy.add(busy.packet());
        busy.start();
        CHECK(busy.until([&] { return busy.heard.packets.size() >= handled; }));
        busy.lane.reset();
        settle(busy.loop);
    }
}

TEST_CASE("a lane may be destroyed at its end with records under way")
{
    Busy busy{4};
    for (int i = 0; i < 8; ++i) busy.add(busy.packet());
    busy.stream[100] ^= std::byte{1};
    busy.heard.end_hook = [&] { busy.lane.reset(); };
    busy.start();
    CHECK(busy.until([&] { return !busy.heard.ends.empty(); }));
    settle(busy.loop);
    CHECK_FALSE(busy.lane);
    CHECK(busy.heard.packets.empty());
}

TEST_CASE("a listener that refuses a packet ends the lane with records under way")
{
    Busy busy{4};
    for (int i = 0; i < 8; ++i) busy.add(busy.packet());
    busy.heard.packet_answer = fail(std::errc::bad_address, "not mine");
    busy.start();
    CHECK(busy.until([&] { return !busy.heard.ends.empty(); }));
    settle(busy.loop);
    CHECK(busy.heard.ended_with(std::errc::bad_address));
    CHECK(busy.heard.packets.size() == 1);
}

TEST_CASE("much in both directions arrives whole and in order, messages between")
{
    for (const std::uint32_t threads : {2u, 3u, 9u}) {
        CAPTURE(threads);
        TwoBusyLanes lanes{threads};
        constexpr std::size_t count = 400;
        for (std::size_t i = 0; i < count; ++i) {
            lanes.out.push(queued(lanes.pool, pattern(i, 50'000)));
            lanes.back.push(queued(lanes.pool, pattern(i, 30'000)));
        }
        lanes.here.send_packets(lanes.out);
        lanes.there.send_packets(lanes.back);
        // One each: an answer to an older one tells no round trip.
        lanes.here.ping();
        lanes.there.ping();
        Timer messages{lanes.loop, [&] {
                           lanes.here.send_message(Hello{"between"});
                           lanes.there.send_message(Hello{"between"});
                       }};
        messages.every(1ms);
        CHECK(runs_until(lanes.loop, 4 * patience, [&] {
            return lanes.heard_here.packets.size() == count &&
                   lanes.heard_there.packets.size() == count;
        }));
        CHECK(lanes.here.rtt());
        CHECK(lanes.there.rtt());
        CHECK_FALSE(lanes.heard_here.messages.empty());
        CHECK_FALSE(lanes.heard_there.messages.empty());
        bool whole = true;
        for (std::size_t i = 0; i < lanes.heard_here.packets.size(); ++i)
            whole = whole && lanes.heard_here.packets[i].bytes == pattern(i, 30'000);
        for (std::size_t i = 0; i < lanes.heard_there.packets.size(); ++i)
            whole = whole && lanes.heard_there.packets[i].bytes == pattern(i, 50'000);
        CHECK(whole);
        CHECK(lanes.heard_here.ends.empty());
        CHECK(lanes.heard_there.ends.empty());
    }
}

TEST_CASE("a lane that is held and released in the midst of it loses nothing")
{
    TwoBusyLanes lanes{3};
    constexpr std::size_t count = 200;
    for (std::size_t i = 0; i < count; ++i) lanes.out.push(queued(lanes.pool, pattern(i, 50'000)));
    lanes.here.send_packets(lanes.out);
    Timer hand{lanes.loop, [&] {
                   for (Lane* lane : {&lanes.here, &lanes.there}) {
                       if (lane->held())
                           lane->release();
                       else
                           lane->hold();
                   }
               }};
    hand.every(3ms);
    CHECK(runs_until(lanes.loop, 4 * patience,
                     [&] { return lanes.heard_there.packets.size() == count; }));
    bool whole = true;
    for (std::size_t i = 0; i < lanes.heard_there.packets.size(); ++i)
        whole = whole && lanes.heard_there.packets[i].bytes == pattern(i, 50'000);
    CHECK(whole);
}

TEST_CASE("auto begins with the loop alone, and a loop that rests leaves it at that")
{
    Loop loop;
    RecordWorkers workers{loop, std::nullopt};
    CHECK(workers.for_bulk() == nullptr);
    CHECK_FALSE(runs_until(loop, 450ms, [&] { return workers.for_bulk() != nullptr; }));
    CHECK_FALSE(workers.view().wanted.has_value());
    CHECK(workers.view().threads == 0);
    CHECK_FALSE(workers.view().in_use);
}

TEST_CASE("one worker is the loop alone")
{
    Busy busy{1};
    for (int i = 0; i < 8; ++i) busy.add(busy.packet());
    busy.start();
    CHECK(busy.until([&] { return busy.heard.packets.size() == 8; }));
    busy.check_packets(8);
    CHECK(busy.workers.view().threads == 0);
    CHECK_FALSE(busy.workers.view().in_use);
}
