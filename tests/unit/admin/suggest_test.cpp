#include "common/admin/suggest.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace braid;

TEST_CASE("edit distance counts insertions, deletions, changes and swaps of neighbours")
{
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("tun", "tun") == 0);
    CHECK(edit_distance("tun", "") == 3);
    CHECK(edit_distance("tun", "tune") == 1);
    CHECK(edit_distance("tun", "run") == 1);
    CHECK(edit_distance("endpiont", "endpoint") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest known word is suggested only when it is near enough to be meant")
{
    constexpr std::array<std::string_view, 3> known{"primary", "secondary", "backup"};
    CHECK(nearest("primry", known) == "primary");
    CHECK(nearest("bakcup", known) == "backup");
    CHECK_FALSE(nearest("quality", known).has_value());
    CHECK_FALSE(nearest("", known).has_value());
    CHECK_FALSE(nearest(std::string(1000, 'p'), known).has_value());
}

TEST_CASE("a suggestion names the nearest word, else all")
{
    constexpr std::array<std::string_view, 2> known{"true", "false"};
    CHECK(suggestion("ture", known) == "did you mean 'true'?");
    CHECK(suggestion("maybe", known) == "one of: true, false");
}
