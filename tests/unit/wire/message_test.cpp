#include "common/wire/message.hpp"

#include "tests/unit/wire/sample_packets.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace braid;
using namespace braid::test;

namespace {

struct Golden {
    Message message;
    std::string bytes;
};

const TunnelConfig config{
    .addresses = {*Prefix::parse("10.86.0.2/24"), *Prefix::parse("fd00::2/64")},
    .server_addresses = {*Address::parse("10.86.0.1"), *Address::parse("fd00::1")},
    .mtu = 1420,
    .software = "braid 0.1.0",
};

const std::vector<Golden> golden_messages{
    {Hello{.software = "braid 0.1.0"}, "01 0b 627261696420302e312e30"},
    {Hello{}, "01 00"},
    {config, "02 058c 02 04 0a560002 18 06 fd000000000000000000000000000002 40 "
             "02 04 0a560001 06 fd000000000000000000000000000001 0b 627261696420302e312e30"},
    {TunnelConfig{}, "02 05dc 00 00 00"},
    {Ping{.number = 0}, "03 0000000000000000"},
    {Ping{.number = 0x0123456789abcdef}, "03 0123456789abcdef"},
    {Pong{.number = 0xffffffffffffffff}, "04 ffffffffffffffff"},
    {Close{.reason = CloseReason::stopping}, "05 01"},
    {Close{.reason = CloseReason::replaced}, "05 02"},
    {Close{.reason = CloseReason::revoked}, "05 03"},
    {Close{.reason = CloseReason::fault}, "05 04"},
    {LaneHello{}, "06"},
    {SubflowLost{.address_id = 0}, "07 00"},
    {SubflowLost{.address_id = 255}, "07 ff"},
    {Pressure{.full = false}, "08 00"},
    {Pressure{.full = true}, "08 01"},
};

bool is_malformed(Bytes payload)
{
    const auto message = decode_message(payload);
    return !message && message.error().code == std::errc::protocol_error;
}

bool round_trips(const Message& message)
{
    const auto decoded = decode_message(encode_message(message));
    return decoded && *decoded == message;
}

} // namespace

TEST_CASE("messages have their golden bytes, and are read back")
{
    for (const auto& golden : golden_messages) {
        CAPTURE(golden.bytes);
        CHECK(encode_message(golden.message) == hex(golden.bytes));
        CHECK(round_trips(golden.message));
    }
}

TEST_CASE("a message cut anywhere is malformed")
{
    for (const auto& golden : golden_messages) {
        const auto bytes = hex(golden.bytes);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            CHECK(is_malformed(Bytes{bytes}.first(size)));
    }
}

TEST_CASE("what a later version appends to a known message is ignored")
{
    for (const auto& golden : golden_messages) {
        const auto decoded = decode_message(hex(golden.bytes) + hex("c0ffee"));
        REQUIRE(decoded);
        CHECK(*decoded == golden.message);
    }
}

TEST_CASE("an unknown type is skipped")
{
    for (unsigned type = 0; type < 256; ++type) {
        if (type >= 1 && type <= 8) continue;
        const auto message = decode_message(Buffer{static_cast<std::byte>(type)});
        REQUIRE(message);
        CHECK_FALSE(*message);
    }
}

TEST_CASE("a message may have max_message_size bytes")
{
    auto message = hex("03 0000000000000001");
    message.resize(max_message_size);
    CHECK_FALSE(is_malformed(message));
    message.resize(max_message_size + 1);
    CHECK(is_malformed(message));
    message[0] = std::byte{200};
    CHECK(is_malformed(message));
}

TEST_CASE("the largest message is within max_message_size")
{
    TunnelConfig largest{.addresses = {},
                         .server_addresses = {},
                         .mtu = max_mtu,
                         .software = std::string(max_software_size, '~')};
    largest.addresses.assign(max_addresses, *Prefix::parse("fd00::2/128"));
    largest.server_addresses.assign(max_addresses, *Address::parse("fd00::1"));
    CHECK(round_trips(largest));
    CHECK(encode_message(largest).size() < max_message_size);
}

TEST_CASE("the software's name is at most 64 bytes of printable ASCII")
{
    CHECK(round_trips(Hello{.software = std::string(max_software_size, ' ')}));
    CHECK(is_malformed(hex("01 41") + Buffer(65, std::byte{'a'})));
    for (unsigned byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        const Buffer hello = hex("01 01") + Buffer{static_cast<std::byte>(byte)};
        CHECK(is_malformed(hello) == (byte < 0x20 || byte > 0x7e));
    }
}

TEST_CASE("a tunnel config keeps its bounds")
{
    struct Case {
        std::string name;
        std::string bytes;
        bool malformed;
    };
    const std::vector<Case> cases{
        {"least MTU", "02 0500 00 00 00", false},
        {"MTU below", "02 04ff 00 00 00", true},
        {"greatest MTU", "02 2328 00 00 00", false},
        {"MTU above", "02 2329 00 00 00", true},
        {"17 addresses", "02 05dc 11" + std::string(17 * 12, '0'), true},
        {"17 server addresses", "02 05dc 00 11" + std::string(17 * 10, '0'), true},
        {"/0", "02 05dc 01 04 0a560002 00 00 00", false},
        {"/32", "02 05dc 01 04 0a560002 20 00 00", false},
        {"/33 of IPv4", "02 05dc 01 04 0a560002 21 00 00", true},
        {"/128", "02 05dc 01 06 fd000000000000000000000000000002 80 00 00", false},
        {"/129", "02 05dc 01 06 fd000000000000000000000000000002 81 00 00", true},
        {"family 5", "02 05dc 01 05 0a560002 20 00 00", true},
        {"family 0", "02 05dc 00 01 00 0a560002 00", true},
        {"v4-mapped", "02 05dc 01 06 00000000000000000000ffff0a560002 20 00 00", true},
        {"v4-mapped server", "02 05dc 00 01 06 00000000000000000000ffff0a560001 00", true},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        CHECK(is_malformed(hex(sample.bytes)) == sample.malformed);
    }
}

TEST_CASE("pressure is 0 or 1")
{
    for (unsigned full = 0; full < 256; ++full)
        CHECK(is_malformed(hex("08") + Buffer{static_cast<std::byte>(full)}) == (full > 1));
}

TEST_CASE("an unknown reason to close is malformed")
{
    for (unsigned reason = 0; reason < 256; ++reason) {
        const Buffer close = hex("05") + Buffer{static_cast<std::byte>(reason)};
        CHECK(is_malformed(close) == (reason < 1 || reason > 4));
    }
}
