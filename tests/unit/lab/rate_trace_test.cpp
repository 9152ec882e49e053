#include "tests/lab/rate_trace.hpp"

#include <chrono>
#include <string_view>

#include <doctest/doctest.h>

namespace braid::lab {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{Duration{5'000'000'000}};

TraceCursor cursor(std::string_view text)
{
    return {RateTrace::parse(text).value(), start};
}

TEST_CASE("a malformed trace is refused")
{
    for (const std::string_view text :
         {"", "\n", "a\n", "1\n-2\n", "5\n4\n", "0\n0\n", "1 2\n", "1.5\n", "99999999999\n"}) {
        CAPTURE(text);
        CHECK_FALSE(RateTrace::parse(text));
    }
}

TEST_CASE("line ends of either kind, and none at the end, are read")
{
    CHECK(RateTrace::parse("1\r\n2\n3").value().time_of(2) == 3ms);
}

TEST_CASE("the mean rate is that of all opportunities in a period")
{
    CHECK(RateTrace::parse("1\n2\n3\n4\n").value().mean_rate_bps() == 12'000'000);
}

TEST_CASE("opportunities repeat with the last line as period")
{
    const auto trace = RateTrace::parse("2\n5\n10\n").value();
    CHECK(trace.time_of(3) == 12ms);
    CHECK(trace.time_of(5) == 20ms);
    CHECK(trace.first_at_or_after(0ms) == 0);
    CHECK(trace.first_at_or_after(3ms) == 1);
    CHECK(trace.first_at_or_after(10ms) == 2);
    CHECK(trace.first_at_or_after(11ms) == 3);
    CHECK(trace.first_at_or_after(20ms) == 5);
}

TEST_CASE("small packets share an opportunity and large ones take several")
{
    auto link = cursor("1\n2\n3\n");
    CHECK(link.departure(start, 700) == start + 1ms);
    CHECK(link.departure(start + 1ms, 800) == start + 1ms);
    CHECK(link.departure(start + 1ms, 40) == start + 2ms);
    CHECK(link.departure(start + 2ms, 2000) == start + 3ms);
}

TEST_CASE("an opportunity that passed unused is gone")
{
    auto link = cursor("1\n2\n3\n4\n");
    CHECK(link.departure(start + 2500us, 1500) == start + 3ms);
    CHECK(link.departure(start + 1s, 1500) == start + 1s);
}

} // namespace
} // namespace braid::lab
