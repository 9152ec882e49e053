#include "common/wire/frame.hpp"

#include "tests/unit/wire/sample_packets.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace braid;
using namespace braid::test;

namespace {

struct Golden {
    Offload offload;
    std::uint16_t length;
    std::string bytes;
};

const std::vector<Golden> golden_headers{
    {{}, 1, "01 00 0000 0001"},
    {{}, 65535, "01 00 0000 ffff"},
    {{.needs_checksum = true}, 84, "01 01 0000 0054"},
    {{.needs_checksum = true, .gso = Gso::tcp4, .segment_size = 1448}, 0x2000, "01 05 05a8 2000"},
    {{.needs_checksum = true, .ecn = true, .gso = Gso::tcp6, .segment_size = 65535},
     0x2000,
     "01 0b ffff 2000"},
    {{.needs_checksum = true, .gso = Gso::udp, .segment_size = 1}, 2, "01 0d 0001 0002"},
};

Buffer buffer(const FrameHeader& header)
{
    return {header.begin(), header.end()};
}

bool is_malformed(Bytes record)
{
    FrameReader reader{record};
    const auto frame = reader.next();
    return !frame && frame.error().code == std::errc::protocol_error;
}

} // namespace

TEST_CASE("packet frame headers have their golden bytes, and are read back")
{
    for (const auto& golden : golden_headers) {
        CAPTURE(golden.bytes);
        const auto header = buffer(packet_frame_header(golden.offload, golden.length));
        CHECK(header == hex(golden.bytes));

        const auto record = header + Buffer(golden.length);
        FrameReader reader{record};
        const auto frame = reader.next();
        REQUIRE(frame);
        REQUIRE(*frame);
        CHECK((*frame)->kind == FrameKind::packet);
        CHECK((*frame)->offload == golden.offload);
        CHECK((*frame)->payload.size() == golden.length);
        CHECK((*frame)->payload.data() == record.data() + frame_header_size);
    }
}

TEST_CASE("a message frame header has its golden bytes, and is read back")
{
    const auto header = buffer(message_frame_header(9));
    CHECK(header == hex("02 00 0000 0009"));
    const auto record = header + Buffer(9);
    const auto frame = FrameReader{record}.next();
    REQUIRE(frame);
    REQUIRE(*frame);
    CHECK((*frame)->kind == FrameKind::message);
    CHECK((*frame)->offload == Offload{});
    CHECK((*frame)->payload.size() == 9);
}

TEST_CASE("frames are taken in turn until the record ends")
{
    const auto record = hex("01 00 0000 0002 aabb  02 00 0000 0001 cc  01 01 0000 0001 dd");
    FrameReader reader{record};
    for (const std::size_t offset : {6u, 14u, 21u}) {
        const auto frame = reader.next();
        REQUIRE(frame);
        REQUIRE(*frame);
        CHECK((*frame)->payload.data() == record.data() + offset);
    }
    for (int i = 0; i < 2; ++i) {
        const auto end = reader.next();
        REQUIRE(end);
        CHECK_FALSE(*end);
    }
}

TEST_CASE("an empty record has no frames")
{
    const auto end = FrameReader{Bytes{}}.next();
    REQUIRE(end);
    CHECK_FALSE(*end);
}

TEST_CASE("a frame cut anywhere is malformed")
{
    for (const auto& record : {hex("01 05 05a8 0004 01020304"), hex("02 00 0000 0004 01020304")})
        for (std::size_t size = 1; size < record.size(); ++size)
            CHECK(is_malformed(Bytes{record}.first(size)));
}

TEST_CASE("only packets and messages are frames")
{
    for (unsigned kind = 0; kind < 256; ++kind) {
        auto record = hex("00 00 0000 0001 45");
        record[0] = static_cast<std::byte>(kind);
        CHECK(is_malformed(record) == (kind != 1 && kind != 2));
    }
}

TEST_CASE("unused flags must be zero")
{
    for (unsigned flags = 0; flags < 256; ++flags) {
        CAPTURE(flags);
        auto packet = hex("01 00 05a8 0001 45");
        packet[1] = static_cast<std::byte>(flags);
        CHECK(is_malformed(packet) == (flags >= 16 || flags < 4));
        auto message = hex("02 00 0000 0001 03");
        message[1] = static_cast<std::byte>(flags);
        CHECK(is_malformed(message) == (flags != 0));
    }
}

TEST_CASE("contradictory headers are malformed")
{
    for (const std::string record : {
             "01 00 0000 0000",    // empty packet
             "02 00 0000 0000",    // empty message
             "01 00 0001 0001 45", // segment size without GSO
             "01 05 0000 0001 45", // GSO without segment size
             "02 00 0001 0001 03", // segment size of a message
         }) {
        CAPTURE(record);
        CHECK(is_malformed(hex(record)));
    }
}

TEST_CASE("a malformed frame is reported again and again")
{
    const auto record = hex("02 00 0000 0001 03  07 00 0000 0001 03");
    FrameReader reader{record};
    CHECK(reader.next());
    CHECK_FALSE(reader.next());
    CHECK_FALSE(reader.next());
}
