#include "common/sys/cpu_time.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace braid;

TEST_CASE("the idle time is the fourth and fifth number of all processors")
{
    const std::string stat = "cpu  100 5 50 7000 200 0 3 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
    CHECK(idle_time(stat, 100) == 72s);
    CHECK(idle_time(stat, 1000) == 7200ms);
    CHECK(idle_time("cpu 0 0 0 0 0\n", 100) == 0s);
}

TEST_CASE("what is no /proc/stat has no idle time")
{
    for (const auto* text :
         {"", "cpu", "cpu ", "cpu0 1 2 3 4 5\n", "cpu  1 2 3\n", "cpu  1 2 3 x 5\n",
          "cpu  1 2 3\n4 5\n", "cpu  1 2 3 99999999999999999999 5\n"}) {
        CAPTURE(text);
        CHECK_FALSE(idle_time(text, 100));
    }
    CHECK_FALSE(idle_time("cpu 1 2 3 4 5\n", 0));
}

TEST_CASE("this process's time grows as it works, and its thread's with it")
{
    const auto meter = CpuMeter::open();
    REQUIRE(meter);
    const auto before = meter->read();
    REQUIRE(before);
    const auto end = Clock::now() + 20ms;
    while (Clock::now() < end) {
    }
    const auto after = meter->read();
    REQUIRE(after);
    CHECK(after->process > before->process);
    CHECK(after->thread > before->thread);
    // Not read at one moment.
    CHECK(after->process - before->process + 1ms >= after->thread - before->thread);
    CHECK(after->idle >= before->idle);
    CHECK(usable_cpus() >= 1);
}
