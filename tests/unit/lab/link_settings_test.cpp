#include "tests/lab/link_settings.hpp"

#include <chrono>
#include <string_view>

#include <doctest/doctest.h>

namespace braid::lab {
namespace {

using namespace std::chrono_literals;

TEST_CASE("every setting is read with its unit")
{
    const auto [settings, problem] = change_settings(
        {}, "rate=30M delay=35ms jitter=500us loss=1.5% burst=4 queue=1.5s blackhole=on");
    CHECK(problem == "");
    CHECK(settings.rate_bps == 30'000'000);
    CHECK(settings.delay == 35ms);
    CHECK(settings.jitter == 500us);
    CHECK(settings.loss_percent == 1.5);
    CHECK(settings.burst_packets == 4);
    CHECK(std::get<Duration>(settings.queue) == 1500ms);
    CHECK(settings.blackhole == Blackhole::on);
}

TEST_CASE("what is not named keeps its value")
{
    const auto base = change_settings({}, "rate=5M delay=7ms").settings;
    const auto changed = change_settings(base, "  delay=8ms ").settings;
    CHECK(changed.rate_bps == 5'000'000);
    CHECK(changed.delay == 8ms);
    CHECK(change_settings(base, "").settings == base);
}

TEST_CASE("queues are bytes or time")
{
    CHECK(std::get<std::uint64_t>(change_settings({}, "queue=64KiB").settings.queue) == 65536);
    CHECK(std::get<std::uint64_t>(change_settings({}, "queue=3000").settings.queue) == 3000);
    CHECK(queue_limit_bytes(Duration{100ms}, 8'000'000) == 100'000);
    CHECK(queue_limit_bytes(std::uint64_t{1234}, 8'000'000) == 1234);
}

TEST_CASE("a rate ends a trace and `off` too")
{
    const auto traced = change_settings({}, "trace=file").settings;
    CHECK(traced.trace_path == "file");
    CHECK(change_settings(traced, "rate=1M").settings.trace_path == "");
    CHECK(change_settings(traced, "trace=off").settings.trace_path == "");
    CHECK(change_settings(traced, "rate=unlimited").settings.rate_bps == 0);
}

TEST_CASE("a bad word is named and changes nothing")
{
    const auto base = change_settings({}, "rate=5M").settings;
    for (const std::string_view word :
         {"rate=0",    "rate=-1",    "rate=",   "rate",      "rate=5X",
          "rate=nan",  "rate=1000G", "delay=5", "delay=61s", "jitter=x",
          "loss=101%", "loss=-1",    "burst=0", "queue=-5",  "blackhole=yes",
          "stall=yes", "trace=",     "speed=3", "=",         "rate=5Mb"}) {
        CAPTURE(word);
        const auto change = change_settings(base, std::string{"delay=1ms "}.append(word));
        CHECK(change.problem != "");
        CHECK(change.settings == base);
    }
}

} // namespace
} // namespace braid::lab
