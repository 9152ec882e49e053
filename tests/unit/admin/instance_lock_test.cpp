#include "common/admin/instance_lock.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace braid;

TEST_CASE("the lock tells whether its folder was missing")
{
    const test::TempFolder folder;
    const DaemonSettings settings{.control_socket = folder / "run/a.sock"};
    CHECK(InstanceLock::take(settings).value()->made_folder());
    CHECK_FALSE(InstanceLock::take(settings).value()->made_folder());
}

TEST_CASE("one instance per control socket, until its lock is dropped")
{
    const test::TempFolder folder;
    const DaemonSettings settings{.control_socket = folder / "run/deep/a.sock"};
    CHECK(InstanceLock::is_held(settings) == false);
    CHECK_FALSE(std::filesystem::exists(folder / "run")); // asking creates nothing
    {
        const auto first = InstanceLock::take(settings);
        REQUIRE(first);
        CHECK(first->has_value());
        CHECK(InstanceLock::is_held(settings) == true);
        CHECK_FALSE(InstanceLock::take(settings)->has_value());
        const DaemonSettings other{.control_socket = folder / "run/deep/b.sock"};
        CHECK(InstanceLock::take(other)->has_value());
    }
    CHECK(InstanceLock::is_held(settings) == false);
    CHECK(InstanceLock::take(settings)->has_value());
    const auto lock = folder / "run/deep/a.sock.lock";
    CHECK(std::filesystem::status(lock).permissions() == std::filesystem::perms{0600});
    CHECK(std::filesystem::status(folder / "run/deep").permissions() ==
          std::filesystem::perms{0755});
}

TEST_CASE(
    "root takes another's lock in a shared folder, where fs.protected_regular refuses O_CREAT")
{
    constexpr uid_t stranger = 65534;
    const test::TempFolder folder;
    const DaemonSettings settings{.control_socket = folder / "run/a.sock"};
    REQUIRE(InstanceLock::take(settings));
    REQUIRE(::chmod((folder / "run").c_str(), 01777) == 0);
    REQUIRE(::chown((folder / "run/a.sock.lock").c_str(), stranger, stranger) == 0);
    const auto lock = InstanceLock::take(settings);
    REQUIRE(lock);
    CHECK(lock->has_value());
}

TEST_CASE("what is no file in the lock's place does not hold who asks")
{
    const test::TempFolder folder;
    const DaemonSettings settings{.control_socket = folder / "a.sock"};
    REQUIRE(::mkfifo((folder / "a.sock.lock").c_str(), 0600) == 0);
    CHECK(InstanceLock::is_held(settings) == false);
    REQUIRE(::unlink((folder / "a.sock.lock").c_str()) == 0);
    std::filesystem::create_symlink("elsewhere", folder / "a.sock.lock");
    CHECK_FALSE(InstanceLock::take(settings));
    CHECK_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

TEST_CASE("a forked child keeps the lock when its parent has dropped it")
{
    const test::TempFolder folder;
    const DaemonSettings settings{.control_socket = folder / "a.sock"};
    auto lock = InstanceLock::take(settings);
    REQUIRE(lock);
    int gate[2] = {};
    REQUIRE(::pipe(gate) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(gate[1]);
        [[maybe_unused]] const auto got = ::read(gate[0], &byte, 1); // until the parent closes
        ::_exit(0);
    }
    lock->reset();
    CHECK(InstanceLock::is_held(settings) == true);
    ::close(gate[1]);
    ::close(gate[0]);
    ::waitpid(child, nullptr, 0);
    CHECK(InstanceLock::is_held(settings) == false);
}
