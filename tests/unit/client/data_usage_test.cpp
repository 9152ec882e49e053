#include "client/data_usage.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace braid {
namespace {

using namespace std::chrono_literals;
using Day = DataUsage::Day;
using Cap = DataUsage::Cap;

Day day(int year, unsigned month, unsigned number)
{
    return std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{number};
}

UplinkConfig lte(DataCap cap = {.daily_bytes = 100, .monthly_bytes = 250})
{
    return {.interface = "lte", .data_cap = cap};
}

} // namespace

TEST_CASE("bytes count for their uplink, their day and their month")
{
    DataUsage usage;
    usage.add("lte", 30, day(2026, 11, 1));
    usage.add("lte", 40, day(2026, 11, 21));
    usage.add("lte", 5, day(2026, 11, 21));
    usage.add("wifi", 1000, day(2026, 11, 21));
    const auto now = usage.usage(lte(), day(2026, 11, 21));
    CHECK(now.today_bytes == 45);
    CHECK(now.month_bytes == 75);
    CHECK(now.cap == Cap::within);
    CHECK_FALSE(now.ends);
    const auto wifi = usage.usage({.interface = "wifi"}, day(2026, 11, 21));
    CHECK(wifi.month_bytes == 1000);
    CHECK(wifi.cap == Cap::none);
    CHECK(usage.usage({.interface = "dsl"}, day(2026, 11, 21)).month_bytes == 0);
}

TEST_CASE("a daily cap is reached with its last byte, until the next day")
{
    DataUsage usage;
    usage.add("lte", 99, day(2026, 12, 31));
    CHECK(usage.usage(lte(), day(2026, 12, 31)).cap == Cap::within);
    usage.add("lte", 1, day(2026, 12, 31));
    CHECK(usage.usage(lte(), day(2026, 12, 31)).cap == Cap::reached);
    CHECK(usage.usage(lte(), day(2026, 12, 31)).ends == day(2027, 1, 1));
    CHECK(usage.usage(lte(), day(2027, 1, 1)).cap == Cap::within);
    CHECK(usage.usage(lte(), day(2027, 1, 1)).today_bytes == 0);
}

TEST_CASE("a monthly cap is reached until the next reset_day, whatever the day says")
{
    DataUsage usage;
    const auto from_28 = lte({.monthly_bytes = 250, .reset_day = 28});
    usage.add("lte", 200, day(2028, 1, 27));
    usage.add("lte", 200, day(2028, 1, 28));
    CHECK(usage.usage(from_28, day(2028, 1, 28)).month_bytes == 200);
    usage.add("lte", 50, day(2028, 2, 27));
    const auto reached = usage.usage(from_28, day(2028, 2, 27));
    CHECK(reached.month_bytes == 250);
    CHECK(reached.cap == Cap::reached);
    CHECK(reached.ends == day(2028, 2, 28));
    CHECK(usage.usage(from_28, day(2028, 2, 28)).cap == Cap::within);
    usage.add("lte", 250, day(2028, 2, 29));
    CHECK(usage.usage(from_28, day(2028, 3, 27)).month_bytes == 250);
    CHECK(usage.usage(from_28, day(2028, 3, 28)).month_bytes == 0);
}

TEST_CASE("where both caps are reached the later end counts")
{
    DataUsage usage;
    usage.add("lte", 300, day(2026, 11, 10));
    CHECK(usage.usage(lte(), day(2026, 11, 10)).ends == day(2026, 12, 1));
}

TEST_CASE("a cap and a reset_day may change: what was counted stays")
{
    DataUsage usage;
    usage.add("lte", 60, day(2026, 11, 4));
    usage.add("lte", 60, day(2026, 11, 21));
    CHECK(usage.usage(lte({.monthly_bytes = 100}), day(2026, 11, 21)).cap == Cap::reached);
    CHECK(usage.usage(lte({.monthly_bytes = 121}), day(2026, 11, 21)).cap == Cap::within);
    const auto from_5 = lte({.monthly_bytes = 100, .reset_day = 5});
    CHECK(usage.usage(from_5, day(2026, 11, 21)).month_bytes == 60);
    CHECK(usage.usage(from_5, day(2026, 11, 21)).cap == Cap::within);
}

TEST_CASE("a clock that jumps back over midnight goes on with the day that had begun")
{
    DataUsage usage;
    usage.add("lte", 10, day(2026, 11, 30));
    usage.add("lte", 20, day(2026, 12, 1));
    usage.add("lte", 30, day(2026, 11, 30));
    CHECK(usage.usage(lte(), day(2026, 11, 30)).today_bytes == 50);
    CHECK(usage.usage(lte(), day(2026, 11, 30)).month_bytes == 50);
    usage.add("lte", 1, day(2026, 12, 1));
    CHECK(usage.usage(lte(), day(2026, 12, 1)).today_bytes == 51);
    CHECK(usage.usage(lte(), day(2026, 12, 1)).month_bytes == 51);
}

TEST_CASE("a clock that starts in 1970 until it is set loses nothing")
{
    DataUsage usage;
    usage.add("lte", 100, day(2026, 11, 21));
    usage.add("lte", 20, day(1970, 1, 1));
    CHECK(usage.usage(lte(), day(1970, 1, 1)).cap == Cap::reached);
    usage.add("lte", 3, day(2026, 11, 22));
    const auto set = usage.usage(lte(), day(2026, 11, 22));
    CHECK(set.today_bytes == 3);
    CHECK(set.month_bytes == 123);
}

TEST_CASE("a clock that was wrong before is believed when it stays behind for two days")
{
    DataUsage usage;
    usage.add("lte", 10, day(2026, 11, 20));
    usage.add("lte", 200, day(2036, 1, 1)); // wrong
    usage.add("lte", 3, day(2026, 11, 20));
    usage.add("lte", 4, day(2026, 11, 21));
    CHECK(usage.usage(lte(), day(2026, 11, 21)).today_bytes == 207);
    usage.add("lte", 0, day(2026, 11, 22));
    const auto believed = usage.usage(lte(), day(2026, 11, 22));
    CHECK(believed.today_bytes == 207);
    CHECK(usage.usage(lte(), day(2026, 11, 23)).today_bytes == 0);
    CHECK(usage.usage(lte(), day(2026, 12, 1)).month_bytes == 0);
}

TEST_CASE("days older than two months are dropped, and interfaces without any")
{
    DataUsage usage;
    usage.add("old", 1, day(2026, 1, 1));
    usage.add("lte", 1, day(2026, 1, 1));
    usage.add("lte", 1, day(2026, 3, 5));
    CHECK(usage.to_json().dump() == R"({"interfaces":{"lte":{"2026-03-05":1}}})");
}

TEST_CASE("of too many interfaces the longest unused one is dropped")
{
    DataUsage usage;
    usage.add("old", 1, day(2026, 11, 1));
    for (std::size_t i = 0; i < DataUsage::most_interfaces; ++i)
        usage.add("if" + std::to_string(i), 1, day(2026, 11, 2));
    const auto kept = usage.to_json().at("interfaces");
    CHECK(kept.size() == DataUsage::most_interfaces);
    CHECK_FALSE(kept.contains("old"));
}

TEST_CASE("a restart loses nothing, and keeps in mind that the clock is behind")
{
    DataUsage before;
    before.add("lte", 10, day(2026, 11, 20));
    before.add("lte", 20, day(2026, 11, 25));
    before.add("wifi", 0, day(2026, 11, 20)); // behind
    auto after = DataUsage::from_json(before.to_json());
    REQUIRE(after);
    CHECK(after->to_json() == before.to_json());
    CHECK(after->to_json().at("behind_since") == "2026-11-20");
    after->add("lte", 0, day(2026, 11, 22));
    CHECK(after->usage(lte(), day(2026, 11, 22)).today_bytes == 20);
    CHECK(after->usage(lte(), day(2026, 11, 22)).month_bytes == 30);
    CHECK_FALSE(after->to_json().contains("behind_since"));
}

TEST_CASE("what is no data usage is refused")
{
    for (const auto* text :
         {"[]", "{}", R"({"interfaces":1})", R"({"interfaces":{"a":1}})",
          R"({"interfaces":{"a":{"2026-11-31":1}}})", R"({"interfaces":{"a":{"2026-1-1":1}}})",
          R"({"interfaces":{"a":{"1969-12-31":1}}})", R"({"interfaces":{"a":{"2026-11-21":-1}}})",
          R"({"interfaces":{"a":{"2026-11-21":1.5}}})", R"({"interfaces":{},"behind_since":1})",
          R"({"interfaces":{},"behind_since":"x"})"}) {
        CAPTURE(text);
        CHECK_FALSE(DataUsage::from_json(nlohmann::json::parse(text)));
    }
}

TEST_CASE("huge counts do not wrap")
{
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    DataUsage usage;
    usage.add("lte", most, day(2026, 11, 20));
    usage.add("lte", most, day(2026, 11, 21));
    usage.add("lte", 1, day(2026, 11, 21));
    CHECK(usage.usage(lte(), day(2026, 11, 21)).today_bytes == most);
    CHECK(usage.usage(lte(), day(2026, 11, 21)).month_bytes == most);
}

} // namespace braid
