#include "common/admin/quantity.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace braid;

TEST_CASE("a quantity has a decimal unit or none")
{
    CHECK(parse_quantity("7").value() == 7);
    CHECK(parse_quantity("256k").value() == 256'000);
    CHECK(parse_quantity("500M").value() == 500'000'000);
    CHECK(parse_quantity("10G").value() == 10'000'000'000);
    CHECK(parse_quantity("2T").value() == 2'000'000'000'000);
    CHECK(parse_quantity("1000000T").value() == largest_quantity);
}

TEST_CASE("what is no quantity, nothing, or too much is refused")
{
    for (const auto* bad : {"", "k", "M5", "5 M", "5MB", "5m", "-5", "+5", "1.5G", "0x10", "5K"}) {
        CAPTURE(bad);
        CHECK(parse_quantity(bad).error().what == "'" + std::string{bad} + "' is not a quantity");
    }
    CHECK(parse_quantity("0M").error().what == "'0M' is nothing");
    for (const auto* bad :
         {"1000001T", "18446744073709551615", "18446744073709551616", "18446744073709551T"}) {
        CAPTURE(bad);
        CHECK(parse_quantity(bad).error().what.ends_with("is too large"));
    }
}

TEST_CASE("a quantity's text stands for the same")
{
    struct Case {
        std::uint64_t value;
        const char* text;
    };
    constexpr std::array cases{Case{0, "0"},
                               Case{999, "999"},
                               Case{1000, "1k"},
                               Case{1'234'000, "1234k"},
                               Case{10'000'000'000, "10G"},
                               Case{largest_quantity, "1000000T"}};
    for (const auto& [value, text] : cases) CHECK(quantity_text(value) == text);
}
