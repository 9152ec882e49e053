#include "common/crypto/unit.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <array>
#include <doctest/doctest.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

[[nodiscard]] Result<std::optional<Unit>> read(const std::string& hex)
{
    return next_unit(from_hex(hex));
}

[[nodiscard]] Result<std::optional<Unit>> read(UnitType type, std::size_t length)
{
    std::array<std::byte, unit_header_size> header{};
    write_unit_header(header, type, length);
    return next_unit(header);
}

} // namespace

TEST_CASE("a unit is known once its header is there, before its body")
{
    const auto unit = read("06000010");
    REQUIRE(unit);
    CHECK(*unit == Unit{UnitType::record, 20});
    const auto hello = read("01000072aabbcc");
    REQUIRE(hello);
    CHECK(*hello == Unit{UnitType::client_hello, 118});
}

TEST_CASE("an incomplete header asks for more")
{
    for (const auto* hex : {"", "06", "0600", "060000"}) {
        CAPTURE(hex);
        const auto unit = read(hex);
        REQUIRE(unit);
        CHECK_FALSE(unit->has_value());
    }
}

TEST_CASE("an unknown type is refused at its first byte")
{
    for (unsigned type = 0; type < 256; ++type) {
        CAPTURE(type);
        const std::array first{static_cast<std::byte>(type)};
        const auto unit = next_unit(first);
        CHECK(unit.has_value() == (type >= 1 && type <= 7));
    }
}

TEST_CASE("each type has its bounds of length")
{
    struct Case {
        UnitType type;
        std::size_t least;
        std::size_t most;
    };
    const Case cases[] = {{UnitType::client_hello, 1, 256},   {UnitType::server_hello, 1, 256},
                          {UnitType::refused, 0, 0},          {UnitType::lane_join, 1, 256},
                          {UnitType::lane_accept, 1, 256},    {UnitType::record, 16, 133152},
                          {UnitType::next_record, 16, 133152}};
    for (const auto& one : cases) {
        CAPTURE(static_cast<int>(one.type));
        CHECK(read(one.type, one.least));
        CHECK(read(one.type, one.most));
        CHECK_FALSE(read(one.type, one.most + 1));
        CHECK_FALSE(read(one.type, 0xffffff));
        if (one.least > 0) CHECK_FALSE(read(one.type, one.least - 1));
    }
}

TEST_CASE("the largest record fits the largest unit")
{
    const auto unit = read(UnitType::record, max_record_plaintext + max_tag_size);
    REQUIRE(unit);
    CHECK((*unit)->size == max_unit_size);
}

TEST_CASE("is_unit knows exactly one whole unit of a type and size")
{
    const auto unit = from_hex("0400000211aa");
    CHECK(is_unit(unit, UnitType::lane_join, 6));
    CHECK_FALSE(is_unit(unit, UnitType::lane_accept, 6));
    CHECK_FALSE(is_unit(unit, UnitType::lane_join, 7));
    CHECK_FALSE(is_unit(Bytes{unit}.first(5), UnitType::lane_join, 6));
    CHECK_FALSE(is_unit(Bytes{unit}.first(3), UnitType::lane_join, 6));
    CHECK_FALSE(is_unit(from_hex("0400000211aabb"), UnitType::lane_join, 6));
    CHECK_FALSE(is_unit({}, UnitType::lane_join, 6));
}
