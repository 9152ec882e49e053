#include "common/base/bytes.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <vector>

using namespace braid;

TEST_CASE("a writer and a reader agree on every width, in network order")
{
    std::array<std::byte, 18> buffer{};
    WireWriter out{buffer};
    out.u8(0x01);
    out.u16(0x0203);
    out.u24(0x040506);
    out.u32(0x0708090a);
    out.u64(0x0b0c0d0e0f101112);
    CHECK(out.ok());
    CHECK(out.written().size() == buffer.size());
    for (std::size_t i = 0; i < buffer.size(); ++i) CHECK(buffer[i] == std::byte(i + 1));

    WireReader in{buffer};
    CHECK(in.u8() == 0x01);
    CHECK(in.u16() == 0x0203);
    CHECK(in.u24() == 0x040506);
    CHECK(in.u32() == 0x0708090a);
    CHECK(!in.done());
    CHECK(in.u64() == 0x0b0c0d0e0f101112);
    CHECK(in.ok());
    CHECK(in.done());
}

TEST_CASE("fields at their limits survive")
{
    std::array<std::byte, 18> buffer{};
    WireWriter out{buffer};
    out.u8(0xff);
    out.u16(0xffff);
    out.u24(0xffffff);
    out.u32(0xffffffff);
    out.u64(0xffffffffffffffff);
    WireReader in{buffer};
    CHECK(in.u8() == 0xff);
    CHECK(in.u16() == 0xffff);
    CHECK(in.u24() == 0xffffff);
    CHECK(in.u32() == 0xffffffff);
    CHECK(in.u64() == 0xffffffffffffffff);
}

TEST_CASE("a short read yields zero, and the failure sticks")
{
    const std::array<std::byte, 3> wire{std::byte{1}, std::byte{2}, std::byte{3}};
    WireReader in{wire};
    CHECK(in.u8() == 1);
    CHECK(in.u32() == 0);
    CHECK(!in.ok());
    CHECK(in.u8() == 0); // What was left is not given out after a failure.
    CHECK(in.rest().empty());
    CHECK(!in.done());
}

TEST_CASE("take borrows, array copies, both only when there is enough")
{
    const std::array<std::byte, 4> wire{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    WireReader in{wire};
    CHECK(in.take(0).empty());
    CHECK(in.take(2).data() == wire.data());
    CHECK(in.array<2>() == std::array{std::byte{3}, std::byte{4}});
    CHECK(in.done());
    WireReader short_array{wire};
    CHECK(short_array.array<5>() == std::array<std::byte, 5>{});
    CHECK(!short_array.ok());
    WireReader huge{wire};
    CHECK(huge.take(static_cast<std::size_t>(-1)).empty());
    CHECK(!huge.ok());
}

TEST_CASE("an empty buffer is a whole message of nothing")
{
    WireReader in{{}};
    CHECK(in.done());
    CHECK(in.u8() == 0);
    CHECK(!in.done());
}

TEST_CASE("what does not fit is not written, and the failure sticks")
{
    std::array<std::byte, 3> buffer{};
    WireWriter out{buffer};
    out.u16(0x0102);
    out.u16(0x0304);
    CHECK(!out.ok());
    CHECK(out.written().size() == 2);
    out.u8(5);
    CHECK(!out.ok());
    CHECK(buffer[1] == std::byte{2});
}

TEST_CASE("bytes are copied in, and a hole is left for the caller")
{
    std::array<std::byte, 6> buffer{};
    WireWriter out{buffer};
    out.bytes(as_bytes("ab"));
    const MutBytes hole = out.skip(2);
    out.bytes({});
    out.bytes(as_bytes("cd"));
    REQUIRE(hole.size() == 2);
    std::ranges::copy(as_bytes("--"), hole.begin());
    CHECK(std::ranges::equal(out.written(), as_bytes("ab--cd")));
    CHECK(out.skip(1).empty());
    CHECK(!out.ok());
    WireWriter huge{buffer};
    huge.u8(1);
    CHECK(huge.skip(static_cast<std::size_t>(-1)).empty());
    CHECK(!huge.ok());
}

TEST_CASE("narrow keeps values that fit")
{
    CHECK(narrow<std::uint8_t>(255) == 255);
    CHECK(narrow<std::int8_t>(-128L) == -128);
    CHECK(narrow<std::uint32_t>(0xffffffffull) == 0xffffffffu);
}
