#include "common/sys/seccomp.hpp"

#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/privilege.hpp"
#include "tests/unit/sys/in_child.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <vector>

using namespace braid;
using test::in_child;

#ifdef BRAID_SANITIZED

TEST_CASE("a build with sanitizers has no filter, and says so")
{
    CHECK(install_seccomp_filter().error().code == std::errc::not_supported);
    CHECK_FALSE(present_privileges().seccomp);
}

#else

namespace {

const std::string killed = "signal " + std::to_string(SIGSYS);

/// How a child ends that does this as a daemon would: with a filter, and net_admin only.
std::string confined(const std::function<bool()>& act)
{
    return in_child([&] {
        return keep_capabilities({.effective = {CAP_NET_ADMIN}}) && install_seccomp_filter() &&
               present_privileges().seccomp && act();
    });
}

/// Whether a call is refused as if this kernel did not have it.
template <typename... Arguments>
bool is_missing(long number, Arguments... arguments)
{
    errno = 0;
    return ::syscall(number, arguments...) < 0 && errno == ENOSYS;
}

bool can_open_socket(int family, int type, int protocol = 0)
{
    return static_cast<bool>(Fd{::socket(family, type | SOCK_CLOEXEC, protocol)});
}

bool resolves(const std::string& host)
{
    Loop loop;
    bool found = false;
    const Resolve resolve{loop, host, [&](const auto& addresses) {
                              found = addresses.has_value();
                              loop.stop();
                          }};
    loop.run();
    return found;
}

bool can_write_and_rename()
{
    std::string name = "/tmp/braid-seccomp-XXXXXX";
    const Fd file{::mkostemp(name.data(), O_CLOEXEC)};
    const std::string other = name + ".new";
    const bool done = file && ::write(file.get(), "x", 1) == 1 &&
                      ::rename(name.c_str(), other.c_str()) == 0 &&
                      ::access(other.c_str(), R_OK) == 0;
    return ::unlink(other.c_str()) == 0 && done;
}

bool can_use_memory()
{
    std::vector<char> large(std::size_t{256} << 20, 'x');
    large.resize(large.size() * 2, 'y');
    return large.back() == 'y';
}

bool can_use_threads()
{
    int done = 0;
    std::thread{[&] { done = present_privileges().seccomp ? 1 : 0; }}.join();
    return done == 1;
}

} // namespace

TEST_CASE("what daemons do works behind the filter")
{
    CHECK(confined([] { return resolves("localhost"); }) == "");
    CHECK(confined(can_write_and_rename) == "");
    CHECK(confined(can_use_memory) == "");
    CHECK(confined(can_use_threads) == "");
    CHECK(confined([] {
              return can_open_socket(AF_UNIX, SOCK_STREAM) &&
                     can_open_socket(AF_INET, SOCK_DGRAM) &&
                     can_open_socket(AF_INET6, SOCK_STREAM) &&
                     can_open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) &&
                     can_open_socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
          }) == "");
    CHECK(confined([] { return keep_capabilities({.effective = {}}).has_value(); }) == "");
}

TEST_CASE("abort still ends a process by its own signal")
{
    CHECK(confined([]() -> bool {
              ::signal(SIGABRT, SIG_DFL); // doctest has a handler
              std::abort();
          }) == "signal " + std::to_string(SIGABRT));
}

TEST_CASE("what only an intruder asks for kills the process")
{
    CHECK(confined([] { return ::execl("/bin/true", "true", nullptr) == 0; }) == killed);
    CHECK(confined([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0; }) == killed);
    CHECK(confined([] { return ::syscall(SYS_mount, "a", "/mnt", "tmpfs", 0, 0) == 0; }) == killed);
    CHECK(confined([] { return ::unshare(CLONE_NEWUSER) == 0; }) == killed);
    CHECK(confined([] { return ::syscall(SYS_bpf, 0, nullptr, 0) == 0; }) == killed);
    // Any thread's fault ends all of it.
    CHECK(confined([] {
              std::thread{[] { ::execl("/bin/true", "true", nullptr); }}.join();
              return true;
          }) == killed);
}

TEST_CASE("what is not on the list does not seem to exist")
{
    CHECK(confined([] { return is_missing(SYS_io_uring_setup, 1, nullptr); }) == "");
    CHECK(confined([] { return is_missing(SYS_memfd_create, "x", 0); }) == "");
    CHECK(confined([] { return is_missing(SYS_setresuid, 0, 0, 0); }) == "");
    CHECK(confined([] { return is_missing(SYS_prlimit64, 1, 0, nullptr, nullptr); }) == "");
    CHECK(confined([] { return is_missing(SYS_ioctl, 0, TIOCSTI, "x"); }) == "");
    CHECK(confined([] { return is_missing(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }) == "");
}

TEST_CASE("sockets of other families are refused")
{
    CHECK(confined([] {
              return !can_open_socket(AF_PACKET, SOCK_RAW) &&
                     !can_open_socket(AF_VSOCK, SOCK_STREAM) &&
                     !can_open_socket(AF_ALG, SOCK_SEQPACKET) &&
                     !can_open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) &&
                     !can_open_socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
          }) == "");
}

TEST_CASE("no memory is writable and executable")
{
    constexpr int both = PROT_READ | PROT_WRITE | PROT_EXEC;
    constexpr std::size_t size = 4096;
    CHECK(confined([] {
              return ::mmap(nullptr, size, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
          }) == "");
    CHECK(confined([] {
              void* const page =
                  ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return page != MAP_FAILED && ::mprotect(page, size, both) < 0 &&
                     ::mprotect(page, size, PROT_READ) == 0;
          }) == "");
}

TEST_CASE("there are threads, but no processes and no other namespaces")
{
    CHECK(confined([] { return is_missing(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0); }) ==
          "");
    CHECK(confined([] { return is_missing(SYS_clone3, nullptr, 0); }) == "");
    CHECK(confined([] {
              constexpr auto flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNET;
              return is_missing(SYS_clone, flags, nullptr, nullptr, nullptr, 0);
          }) == "");
}

#endif
