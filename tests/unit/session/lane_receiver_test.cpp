#include "common/session/lane_receiver.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <cstring>
#include <doctest/doctest.h>
#include <memory>

using namespace braid;
using namespace braid::test;

namespace {

struct NoWorkers : WorkLine::Owner {
    void on_work_done() override {}
};

/// One that gets its bytes from the test.
struct Receiver {
    void receive(Bytes bytes)
    {
        std::memcpy(receiver.room().data(), bytes.data(), bytes.size());
        receiver.received(bytes.size());
    }

    NoWorkers nobody;
    RecordLine line{nullptr, nobody};
    LaneReceiver receiver{fixed_opener(2), {}, line};
};

int bytes_that_wake(int fd)
{
    int bytes = 0;
    socklen_t size = sizeof bytes;
    REQUIRE(::getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &size) == 0);
    return bytes;
}

Buffer record_of(std::size_t packet_size)
{
    auto sealer = fixed_sealer(2);
    const auto header = packet_frame_header({}, narrow<std::uint16_t>(packet_size));
    Buffer frame(header.begin(), header.end());
    frame.resize(frame.size() + packet_size);
    return seal(sealer, frame);
}

} // namespace

TEST_CASE("what is missing is the rest of the record at hand, once its header tells")
{
    const Buffer record = record_of(3000);
    Receiver ours;
    CHECK(ours.receiver.missing() == 1);
    ours.receive(Bytes{record}.first(unit_header_size - 1));
    CHECK(ours.receiver.missing() == 1);
    ours.receive(Bytes{record}.subspan(unit_header_size - 1, 1));
    CHECK(ours.receiver.missing() == record.size() - unit_header_size);
    ours.receive(Bytes{record}.subspan(unit_header_size));
    CHECK(ours.receiver.missing() == 1);
    CHECK(ours.receiver.open_next() == true);
}

TEST_CASE("a lane is woken for the whole rest of a record, of a large one for 4 KiB")
{
    Loop loop;
    Recorder heard;
    StreamPair pair;
    const int fd = pair.here.get();
    const Lane lane{loop, std::move(pair.here), keys_here(), {}, heard};
    CHECK(bytes_that_wake(fd) == 1);

    const Buffer record = record_of(40'000);
    const std::size_t near_end = record.size() - 3000;
    REQUIRE(::send(pair.there.get(), record.data(), 1000, 0) == 1000);
    CHECK(runs_until(loop, patience, [&] { return bytes_that_wake(fd) == 4 * 1024; }));
    REQUIRE(::send(pair.there.get(), record.data() + 1000, near_end - 1000, 0) > 0);
    CHECK(runs_until(loop, patience, [&] { return bytes_that_wake(fd) == 3000; }));
    REQUIRE(::send(pair.there.get(), record.data() + near_end, 3000, 0) == 3000);
    CHECK(runs_until(loop, patience, [&] { return heard.packets.size() == 1; }));
    CHECK(bytes_that_wake(fd) == 1);
}
