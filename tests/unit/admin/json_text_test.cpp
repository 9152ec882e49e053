#include "common/admin/json_text.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace braid;

namespace {

std::string nested(int lists)
{
    const auto count = static_cast<std::size_t>(lists);
    return std::string(count, '[') + std::string(count, ']');
}

} // namespace

TEST_CASE("JSON is read up to the bound of its depth")
{
    CHECK(parse_json(R"({"a":[1,{}]})")->at("a").size() == 2);
    CHECK(parse_json("5").value() == 5);
    CHECK(parse_json(nested(max_json_depth)));
    CHECK(parse_json(nested(max_json_depth + 2)).error().what == "too deep");
    CHECK(parse_json(nested(2'000'000)).error().what == "too deep");
    CHECK(parse_json(std::string(2'000'000, '[')).error().what == "too deep");
}

TEST_CASE("what is no JSON is refused")
{
    for (const char* text : {"", "x", "{", "{} x", "\"\xff\""}) {
        CAPTURE(text);
        CHECK(parse_json(text).error().what == "not JSON");
    }
}
