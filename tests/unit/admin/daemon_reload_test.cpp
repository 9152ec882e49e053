#include "common/admin/control_socket.hpp"
#include "tests/unit/admin/daemon_bench.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <thread>

using namespace braid;
using test::Behaviour;
using test::Bench;
using test::held;

namespace {

/// Takes what is written into a file for a config, and refuses "bad".
Result<std::vector<std::string>> take(const test::TempFolder& folder, std::string_view text,
                                      const ConfigSource& source)
{
    using Lines = std::vector<std::string>;
    if (text == "bad") return fail(std::errc::invalid_argument, source.name + ": bad", "mend it");
    const auto taken = folder / "taken";
    const bool same = std::filesystem::exists(taken) && read_file(taken, 99).value() == text;
    REQUIRE(replace_file(taken, text));
    return same ? Lines{} : Lines{"a: 1 -> 2", "folder: " + source.folder.native()};
}

} // namespace

TEST_CASE("a reload tells what has changed, or why nothing has")
{
    Bench bench{Behaviour::serves};
    CHECK(bench.reload("x") == ExitCode::not_running);
    CHECK(bench.err.str().ends_with("hint: start it with 'braid-test start'\n"));
    bench.instance.can_reload([&](std::string_view text, const ConfigSource& source) {
        return take(bench.folder, text, source);
    });
    REQUIRE(bench.start() == ExitCode::ok);
    CHECK(bench.reload("x") == ExitCode::ok);
    CHECK(bench.out.str() ==
          "a: 1 -> 2\nfolder: " + (bench.folder / "config").parent_path().native() + "\n");
    CHECK(bench.reload("x") == ExitCode::ok);
    CHECK(bench.out.str() == "nothing has changed\n");
    CHECK(bench.reload("bad") == ExitCode::config);
    CHECK(bench.err.str() ==
          "error: " + (bench.folder / "config").native() + ": bad\nhint: mend it\n");
    CHECK(bench.reload(std::string(max_request_size - 300, ' ')) == ExitCode::ok);
    CHECK(bench.reload(std::string(max_request_size, ' ')) == ExitCode::config);
    CHECK(bench.err.str().find("too large for a reload, which takes 64 KiB") != std::string::npos);
}

TEST_CASE("a program without a reload says so and goes on")
{
    Bench bench{Behaviour::serves};
    REQUIRE(bench.start() == ExitCode::ok);
    CHECK(bench.reload("x") == ExitCode::config);
    CHECK(bench.err.str() == "error: this program has no reload yet\nhint: use restart\n");
    CHECK(held(bench));
}

TEST_CASE("SIGHUP reloads from the config file")
{
    Bench bench{Behaviour::serves};
    bench.instance.can_reload([&](std::string_view text, const ConfigSource& source) {
        return take(bench.folder, text, source);
    });
    bench.folder.write("config", "fresh", 0600);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(static_cast<int>(run_daemon(bench.instance, bench.console())));
    const auto deadline = Clock::now() + 20s;
    const auto& socket = bench.instance.settings().control_socket;
    while (!control_request(socket, {{"request", "status"}}, 10s) && Clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    ::kill(child, SIGHUP);
    while (!std::filesystem::exists(bench.folder / "taken") && Clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    CHECK(read_file(bench.folder / "taken", 99) == "fresh");
    CHECK(bench.stop() == ExitCode::ok);
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
}
