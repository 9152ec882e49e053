#include "client/usage_status.hpp"

#include <doctest/doctest.h>

namespace braid {

using namespace std::chrono_literals;
using nlohmann::json;

TEST_CASE("an uplink without a cap tells what it carried")
{
    const auto data = data_status({.interface = "wifi"}, {.today_bytes = 5, .month_bytes = 7});
    CHECK(data == json::parse(R"({"today_bytes": 5, "month_bytes": 7, "daily_cap": null,
                                  "monthly_cap": null, "at_cap": null, "reached": false})"));
    CHECK(data_text(data) == "-");
    CHECK(cap_share_text(data) == "-");
}

TEST_CASE("a cap that is reached tells until when, and what happens")
{
    const UplinkConfig lte{.interface = "lte",
                           .data_cap = DataCap{.daily_bytes = 1'000'000, .monthly_bytes = 5000},
                           .at_cap = {.action = AtCap::Action::limit, .rate_bps = 256'000}};
    const auto data = data_status(lte, {.today_bytes = 6000,
                                        .month_bytes = 6000,
                                        .cap = DataUsage::Cap::reached,
                                        .ends = 2026y / 12 / 1});
    CHECK(data == json::parse(R"({"today_bytes": 6000, "month_bytes": 6000, "daily_cap": 1000000,
                                  "monthly_cap": 5000, "at_cap": "limit 256k", "reached": true,
                                  "reached_until": "2026-12-01"})"));
    CHECK(data_text(data) == "6.0 kB of 1.0 MB today, 6.0 kB of 5.0 kB this month, reached");
    CHECK(cap_share_text(data) == "100 %");
    CHECK(data_text(json::object()) == "-");
}

TEST_CASE("the share of the cap that is nearer to its end is shown")
{
    CHECK(cap_share_text(json::parse(R"({"today_bytes": 160, "daily_cap": 1000,
                                         "month_bytes": 640, "monthly_cap": 1000})")) == "64 %");
    CHECK(cap_share_text(json::parse(R"({"today_bytes": 4, "daily_cap": 1000,
                                         "monthly_cap": null})")) == "0.4 %");
    CHECK(cap_share_text(json::object()) == "-");
}

} // namespace braid
