/// Network namespaces for tests that need a kernel of their own to play with.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/time.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <net/if.h>
#include <sched.h>
#include <string>
#include <string_view>

namespace braid::test {

/// Runs a shell command in the thread's network namespace; the test fails when it fails.
inline void run(const std::string& command)
{
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
}

/// What a shell command prints.
inline std::string output_of(const std::string& command)
{
    struct Close {
        void operator()(std::FILE* file) const { ::pclose(file); }
    };
    const std::unique_ptr<std::FILE, Close> pipe{::popen(command.c_str(), "re")};
    REQUIRE(pipe);
    std::string text;
    std::array<char, 4096> part{};
    while (const auto size = std::fread(part.data(), 1, part.size(), pipe.get()))
        text.append(part.data(), size);
    return text;
}

/// A network namespace with its loopback device up. It ends when its last socket and this
/// object are gone. Needs root: without it the test fails.
class PrivateNetns {
public:
    PrivateNetns()
    {
        const Fd before = current();
        if (::unshare(CLONE_NEWNET) != 0)
            FAIL("cannot make a network namespace (" << std::string{std::strerror(errno)}
                                                     << "): run this test as root");
        fd_ = current();
        run("ip link set lo up");
        REQUIRE(::setns(before.get(), CLONE_NEWNET) == 0);
    }

    /// For `ip link ... netns PATH`.
    [[nodiscard]] std::string path() const
    {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
    }
    [[nodiscard]] int fd() const { return fd_.get(); }

    [[nodiscard]] static Fd current()
    {
        Fd fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
        REQUIRE(fd);
        return fd;
    }

private:
    Fd fd_;
};

/// The calling thread is inside the namespace while this lives.
class Inside {
public:
    explicit Inside(const PrivateNetns& netns) : before_(PrivateNetns::current())
    {
        REQUIRE(::setns(netns.fd(), CLONE_NEWNET) == 0);
    }
    ~Inside()
    {
        // A test in the wrong namespace could harm the host.
        if (::setns(before_.get(), CLONE_NEWNET) != 0) std::abort();
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

private:
    Fd before_;
};

/// Runs the loop until the condition holds; false when it does not within the time.
inline bool runs_until(Loop& loop, Duration time, const std::function<bool()>& condition)
{
    const auto end = loop.now() + time;
    bool held = condition();
    Timer poll{loop, [&] {
                   held = condition();
                   if (held || loop.now() >= end) loop.stop();
               }};
    poll.every(5ms);
    if (!held) loop.run();
    return held;
}

inline int index_of(const std::string& interface)
{
    return static_cast<int>(::if_nametoindex(interface.c_str()));
}

inline Address address(std::string_view text)
{
    return Address::parse(text).value();
}

inline Endpoint endpoint(std::string_view text)
{
    return Endpoint::parse(text).value();
}

inline Prefix prefix(std::string_view text)
{
    return Prefix::parse(text).value();
}

} // namespace braid::test
