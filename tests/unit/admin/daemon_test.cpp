#include "common/admin/control_socket.hpp"
#include "common/admin/daemon.hpp"
#include "common/admin/daemon_control.hpp"
#include "common/admin/file.hpp"
#include "common/admin/instance_lock.hpp"
#include "tests/unit/admin/daemon_bench.hpp"
#include "tests/unit/sys/in_child.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>

using namespace braid;
using nlohmann::json;
using test::Behaviour;
using test::Bench;
using test::held;
using test::TestInstance;

namespace {

/// A dying process closes its socket before its lock: waits for the latter.
void await_end(const Bench& bench)
{
    const auto deadline = Clock::now() + 20s;
    while (held(bench) && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
}

} // namespace

TEST_CASE("start returns when the daemon is ready; stop when everything is put back")
{
    Bench bench{Behaviour::serves};
    CHECK(bench.start() == ExitCode::ok);
    CHECK(bench.out.str().starts_with("started (pid "));
    CHECK(bench.instance.changed());
    CHECK(std::filesystem::exists(bench.folder / "d.log"));
    CHECK(bench.stop() == ExitCode::ok);
    CHECK(bench.out.str() == "stopped\n");
    CHECK(bench.err.str().empty());
    CHECK_FALSE(bench.instance.changed());
    CHECK_FALSE(held(bench));
    CHECK_FALSE(std::filesystem::exists(bench.folder / "d.sock"));
    CHECK_FALSE(std::filesystem::exists(bench.folder / "d.sock.state"));
}

TEST_CASE("starting a running daemon and stopping a stopped one succeed with a line")
{
    Bench bench{Behaviour::serves};
    REQUIRE(bench.start() == ExitCode::ok);
    CHECK(bench.start() == ExitCode::ok);
    CHECK(bench.out.str() == "already running: up\n");
    REQUIRE(bench.stop() == ExitCode::ok);
    CHECK(bench.stop() == ExitCode::ok);
    CHECK(bench.out.str() == "not running\n");
}

TEST_CASE("a daemon that runs but is not up is waited for, and told when it does not get up")
{
    Bench bench{Behaviour::waits};
    const pid_t child = ::fork();
    if (child == 0) ::_exit(static_cast<int>(run_daemon(bench.instance, bench.console())));
    const auto deadline = Clock::now() + 20s;
    const auto& socket = bench.instance.settings().control_socket;
    while (!control_request(socket, {{"request", "status"}}, 10s) && Clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    CHECK(bench.start({.ready = 10ms}) == ExitCode::timed_out);
    CHECK(
        bench.err.str().starts_with("error: already running, but its state is still 'connecting'"));
    ::kill(child, SIGHUP); // no reload, no end
    ::kill(child, SIGTERM);
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("a start waits for the lock of a daemon that is silent, and takes its place when it ends")
{
    Bench bench{Behaviour::serves};
    auto lock = InstanceLock::take(bench.instance.settings());
    REQUIRE(lock);
    REQUIRE(*lock);
    CHECK(bench.start({.ready = 10ms}) == ExitCode::timed_out);
    CHECK(bench.err.str().starts_with("error: already running, but does not answer on "));

    const pid_t child = ::fork();
    if (child == 0) {
        lock->reset(); // the parent's is still there
        ::_exit(static_cast<int>(bench.start()));
    }
    lock->reset();
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(bench.instance.changed());
}

TEST_CASE("a daemon that is stopped before it is ready is told as that")
{
    Bench bench{Behaviour::waits};
    const pid_t child = ::fork();
    if (child == 0) {
        const bool failed = bench.start() == ExitCode::failure;
        const bool told =
            bench.err.str().starts_with("error: the daemon was stopped before it was ready");
        ::_exit(failed && told ? 0 : 1);
    }
    const auto deadline = Clock::now() + 20s;
    while (!bench.instance.changed() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
    CHECK(bench.stop() == ExitCode::ok);
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
}

TEST_CASE("a daemon that fails to start is reported with its status, text and hint")
{
    Bench bench{Behaviour::refused};
    CHECK(bench.start() == ExitCode::refused);
    CHECK(bench.err.str() == "error: refused\nhint: hint\n");
    CHECK_FALSE(held(bench));
    CHECK_FALSE(std::filesystem::exists(bench.folder / "d.sock.state"));
}

TEST_CASE("a start that takes too long is ended, with what it waited for")
{
    Bench bench{Behaviour::waits};
    CHECK(bench.start({.ready = 100ms}) == ExitCode::no_uplink);
    CHECK(bench.err.str() ==
          "error: not ready after 0 s: waited for an uplink\nhint: see its log " +
              (bench.folder / "d.log").native() + "\n");
    CHECK_FALSE(held(bench));
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("a daemon that does not end by itself is killed, and its changes are put back")
{
    Bench bench{Behaviour::hangs};
    CHECK(bench.start({.ready = 50ms, .end = 50ms}) == ExitCode::no_uplink);
    CHECK_FALSE(held(bench));
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("a daemon that dies before it is ready is told, and its changes are put back")
{
    Bench bench{Behaviour::crashes};
    CHECK(bench.start() == ExitCode::failure);
    CHECK(bench.err.str().starts_with("error: the daemon ended by signal 9 before it was ready\n"));
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("stop and start clean up after a daemon that was killed")
{
    for (const bool by_start : {false, true}) {
        CAPTURE(by_start);
        Bench bench{Behaviour::crashes_running};
        REQUIRE(bench.start() == ExitCode::ok);
        const auto asked = control_request(bench.folder / "d.sock", {{"request", "stop"}}, 10s);
        CHECK_FALSE(asked);
        await_end(bench);
        CHECK(bench.instance.changed());
        if (by_start) {
            TestInstance again{bench.folder, Behaviour::refused};
            CHECK(start_daemon(again, {.ready = 30s}, bench.console()) == ExitCode::refused);
        } else {
            CHECK(bench.stop() == ExitCode::ok);
            CHECK(bench.out.str() == "put back what a dead daemon had left\nnot running\n");
        }
        CHECK_FALSE(bench.instance.changed());
        CHECK_FALSE(std::filesystem::exists(bench.folder / "d.sock"));
    }
}

TEST_CASE("stop is not kept from its work by what stands in the journal's place")
{
    Bench bench{Behaviour::serves};
    const auto journal = bench.folder / "d.sock.state";
    std::filesystem::create_symlink("nowhere", journal);
    CHECK(bench.stop() == ExitCode::ok);
    std::filesystem::create_directories(journal / "full");
    CHECK(bench.stop() == ExitCode::ok);
    CHECK(bench.out.str() == "put back what a dead daemon had left\nnot running\n");
    CHECK(bench.stop() == ExitCode::ok);
    CHECK(bench.out.str() == "not running\n");
}

TEST_CASE("a daemon that dies while it stops leaves nothing either")
{
    Bench bench{Behaviour::crashes_running};
    REQUIRE(bench.start() == ExitCode::ok);
    CHECK(bench.stop() == ExitCode::ok);
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("an impatient user ends a start, and nothing stays behind")
{
    Bench bench{Behaviour::waits};
    const pid_t child = ::fork();
    if (child == 0) ::_exit(static_cast<int>(bench.start()));
    const auto deadline = Clock::now() + 20s;
    while (!bench.instance.changed() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
    ::kill(child, SIGINT);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == static_cast<int>(ExitCode::failure));
    CHECK_FALSE(held(bench));
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("in the foreground the same daemon runs until it is asked to stop")
{
    Bench bench{Behaviour::serves};
    const pid_t child = ::fork();
    if (child == 0) ::_exit(static_cast<int>(run_daemon(bench.instance, bench.console())));
    const auto deadline = Clock::now() + 20s;
    const auto& socket = bench.instance.settings().control_socket;
    while (!control_request(socket, {{"request", "status"}}, 10s) && Clock::now() < deadline)
        std::this_thread::sleep_for(1ms);

    CHECK(run_daemon(bench.instance, bench.console()) == ExitCode::failure);
    CHECK(bench.err.str() == "error: already running on " + socket.native() + "\n");
    ::kill(child, SIGTERM);
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK_FALSE(bench.instance.changed());
}

TEST_CASE("a failure in the foreground goes to the console")
{
    Bench bench{Behaviour::refused};
    CHECK(test::in_child([&] { // which it confines for good
              return run_daemon(bench.instance, bench.console()) == ExitCode::refused &&
                     bench.err.str() == "error: refused\nhint: hint\n";
          }) == "");
}
