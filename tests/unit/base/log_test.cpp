#include "common/base/log.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <unistd.h>

using namespace braid;

TEST_CASE("log levels are read by their names")
{
    for (const auto& [text, level] :
         {std::pair{"debug", spdlog::level::debug}, std::pair{"info", spdlog::level::info},
          std::pair{"warning", spdlog::level::warn}, std::pair{"error", spdlog::level::err}})
        CHECK(parse_log_level(text).value() == level);
    for (const auto* text : {"", "Info", "warn", "trace", "5"}) {
        CAPTURE(text);
        const auto refused = parse_log_level(text);
        REQUIRE(!refused);
        CHECK(refused.error().code == std::errc::invalid_argument);
        CHECK(!refused.error().hint.empty());
    }
}

TEST_CASE("a burst passes the limit, then nothing until the interval is over")
{
    LogLimit limit{2, 10s};
    const TimePoint start = TimePoint{} + 1h;
    CHECK(limit.allows(start));
    CHECK(limit.allows(start + 1s));
    CHECK(!limit.allows(start + 2s));
    CHECK(!limit.allows(start + 10s - 1ns));
    CHECK(limit.allows(start + 10s));
    CHECK(limit.allows(start + 10s));
    CHECK(!limit.allows(start + 10s));
}

TEST_CASE("the first event of all passes, also at the beginning of time")
{
    LogLimit limit{1, 10s};
    CHECK(limit.allows(TimePoint{}));
    CHECK(!limit.allows(TimePoint{}));
}

TEST_CASE("a limit of none lets nothing pass")
{
    LogLimit limit{0, 1s};
    CHECK(!limit.allows(TimePoint{} + 1s));
}

TEST_CASE("lines below the level stay out of the log file")
{
    const auto file =
        std::filesystem::temp_directory_path() / ("braid-log-test-" + std::to_string(::getpid()));
    REQUIRE(set_up_log(spdlog::level::info, file));
    spdlog::debug("not seen");
    spdlog::info("tunnel up peer={}", "home");
    REQUIRE(set_up_log(spdlog::level::err, std::nullopt));
    std::string line;
    std::ifstream in{file};
    REQUIRE(std::getline(in, line));
    CHECK(line.ends_with(" info: tunnel up peer=home"));
    CHECK(!std::getline(in, line));
    std::filesystem::remove(file);
}

TEST_CASE("a log file that cannot be made is an error")
{
    const auto refused = set_up_log(spdlog::level::info, "/proc/no-such-folder/log");
    REQUIRE(!refused);
    CHECK(refused.error().text().starts_with("log: "));
}
