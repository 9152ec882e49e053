#include "common/admin/start_report.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <unistd.h>

using namespace braid;

namespace {

using Kind = StartReport::Kind;

} // namespace

TEST_CASE("a report arrives as it was sent, with the error's whole text")
{
    const auto line = StartReport{.kind = Kind::failed,
                                  .code = ExitCode::refused,
                                  .text = "refused\nby x",
                                  .hint = "do y"}
                          .line();
    CHECK(line.ends_with('\n'));
    CHECK(line.find('\n') == line.size() - 1);
    const auto report = StartReport::parse(line);
    REQUIRE(report);
    CHECK(report->kind == Kind::failed);
    CHECK(report->code == ExitCode::refused);
    CHECK(report->text == "refused\nby x");
    CHECK(report->hint == "do y");
}

TEST_CASE("a report is bounded, and whatever bytes its texts have it is one")
{
    const auto line =
        StartReport{.text = std::string(100'000, '\x01'), .hint = std::string(100'000, '\xff')}
            .line();
    CHECK(line.size() < 16'384);
    CHECK(StartReport::parse(line));
}

TEST_CASE("lines that are no reports are refused")
{
    for (const char* line : {"", "x", "[]", "{}", R"({"kind":"ready"})",
                             R"({"kind":"ready","code":9})", R"({"kind":"ready","code":-1})",
                             R"({"kind":"other","code":0})", R"({"kind":1,"code":0})"})
        CHECK_FALSE(StartReport::parse(line));
}

TEST_CASE("the pipe carries reports until it is ready, then it is closed")
{
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const Fd reader{ends[0]};
    PipeReporter reporter{Fd{ends[1]}};
    reporter.progress("an uplink", ExitCode::no_uplink);
    reporter.ready();
    reporter.ready();
    reporter.failed(ExitCode::failure, fail(std::errc::io_error, "late").value());

    std::array<char, 4096> chunk{};
    std::string all;
    for (ssize_t got = 1; got > 0;) {
        got = ::read(reader.get(), chunk.data(), chunk.size());
        all.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
    const auto end = all.find('\n') + 1;
    CHECK(StartReport::parse(all.substr(0, end))->text == "an uplink");
    CHECK(StartReport::parse(all.substr(end))->kind == Kind::ready);
}
