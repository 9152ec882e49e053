#include "common/sys/loop.hpp"

#include "common/sys/fd.hpp"
#include "tests/unit/sys/private_netns.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace braid;
using namespace braid::test;

namespace {

struct SocketPair {
    Fd here;
    Fd there;

    SocketPair()
    {
        std::array<int, 2> fds{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) ==
                0);
        here.reset(fds[0]);
        there.reset(fds[1]);
    }
    void write_there() { REQUIRE(::write(there.get(), "x", 1) == 1); }
};

Result<std::vector<Address>> resolve(const std::string& host)
{
    enter_private_netns(); // No question may reach a name server.
    Loop loop;
    std::optional<Result<std::vector<Address>>> outcome;
    const Resolve lookup{loop, host, [&](auto result) { outcome = std::move(result); }};
    CHECK(!outcome); // Never from the constructor.
    loop.run();
    REQUIRE(outcome);
    return *outcome;
}

} // namespace

TEST_CASE("timers expire in the order of their times, never early")
{
    Loop loop;
    std::string order;
    const TimePoint start = loop.now();
    const auto note = [&](char name, Duration after) {
        order += name;
        CHECK(loop.now() - start >= after);
    };
    Timer c{loop, [&] { note('c', 9ms); }};
    Timer a{loop, [&] { note('a', 0ms); }};
    Timer b{loop, [&] { note('b', 3500us); }};
    c.once(9ms);
    a.once(0ms);
    b.once(3500us);
    CHECK(a.pending());
    loop.run();
    CHECK(order == "abc");
    CHECK(!a.pending());
}

TEST_CASE("a timer restarted has only the last time, one stopped has none")
{
    Loop loop;
    int expired = 0;
    Timer restarted{loop, [&] { ++expired; }};
    Timer stopped{loop, [&] { FAIL("stopped timers do not expire"); }};
    restarted.once(std::chrono::hours{1});
    restarted.once(1ms);
    stopped.every(1ms);
    stopped.stop();
    loop.run();
    CHECK(expired == 1);
}

TEST_CASE("a periodic timer expires until it is stopped, also by itself")
{
    Loop loop;
    int expired = 0;
    Timer timer{loop, [&] {
                    if (++expired == 3) timer.stop();
                }};
    timer.every(1ms);
    loop.run();
    CHECK(expired == 3);
}

TEST_CASE("a time is counted from now, not from the start of a long callback")
{
    Loop loop;
    TimePoint started;
    TimePoint ended;
    Timer second{loop, [&] { ended = loop.now(); }};
    Timer first{loop, [&] {
                    const TimePoint busy_until = loop.now() + 20ms;
                    while (loop.now() < busy_until) {
                    }
                    started = loop.now();
                    second.once(10ms);
                }};
    first.once(0ms);
    loop.run();
    CHECK(ended - started >= 10ms);
}

TEST_CASE("negative and endless times are taken as zero and as very long")
{
    Loop loop;
    bool expired = false;
    Timer endless{loop, [] { FAIL("too early"); }};
    Timer negative{loop, [&] {
                       expired = true;
                       endless.stop();
                   }};
    endless.once(Duration::max());
    endless.every(Duration::max());
    negative.once(-5s);
    loop.run();
    CHECK(expired);
}

TEST_CASE("a timer may die in its own callback, which keeps what it holds until it returns")
{
    Loop loop;
    std::unique_ptr<Timer> timer;
    const auto held = std::make_shared<int>(7);
    int seen = 0;
    timer = std::make_unique<Timer>(loop, [&timer, &seen, held] {
        timer.reset();
        seen = *held;
    });
    timer->once(0ms);
    loop.run();
    CHECK(seen == 7);
    CHECK(held.use_count() == 1);
}

TEST_CASE("a timer that is moved goes on, one that is replaced does not")
{
    Loop loop;
    int expired = 0;
    Timer first{loop, [&] { ++expired; }};
    first.once(1ms);
    Timer moved{std::move(first)};
    Timer replaced{loop, [] { FAIL("replaced timers do not expire"); }};
    replaced.once(1ms);
    replaced = Timer{loop, [&] { ++expired; }};
    replaced.once(2ms);
    loop.run();
    CHECK(expired == 2);
}

TEST_CASE("a next turn comes at once, and the descriptors get theirs in between")
{
    constexpr int turns = 2000; // Were each a tick of a timer, they would take 2 s.
    Loop loop;
    SocketPair pair;
    int taken = 0;
    int readable = 0;
    FdWatch watch{loop, pair.here.get(), [&](Interest) { ++readable; }};
    watch.want({.readable = true});
    pair.write_there();
    NextTurn next{loop, [&] {
                      if (++taken < turns) return next.want();
                      loop.stop();
                  }};
    Timer limit{loop, [&] { loop.stop(); }};
    limit.once(1s);
    next.want();
    CHECK(next.pending());
    loop.run();
    CHECK(taken == turns);
    CHECK(readable > turns / 2);
    CHECK(!next.pending());
}

TEST_CASE("a next turn that is stopped does not come, and one may die in its own callback")
{
    Loop loop;
    NextTurn stopped{loop, [] { FAIL("it was stopped"); }};
    stopped.want();
    stopped.stop();
    std::unique_ptr<NextTurn> next;
    const auto held = std::make_shared<int>(7);
    int seen = 0;
    next = std::make_unique<NextTurn>(loop, [&next, &seen, held] {
        next.reset();
        seen = *held;
    });
    next->want();
    loop.run();
    CHECK(seen == 7);
    CHECK(held.use_count() == 1);
}

TEST_CASE("stop ends the run with handles still active, and they can die afterwards")
{
    Loop loop;
    Timer never{loop, [] {}};
    never.once(std::chrono::hours{1});
    Timer stopper{loop, [&] { loop.stop(); }};
    stopper.once(0ms);
    loop.run();
    CHECK(never.pending());
    loop.stop(); // Outside a run: the destructor must not be irritated by it.
}

TEST_CASE("a descriptor reports the readiness that is wanted, as long as it lasts")
{
    Loop loop;
    SocketPair pair;
    int readable = 0;
    FdWatch watch{loop, pair.here.get(), [&](Interest ready) {
                      CHECK(ready.readable);
                      CHECK(!ready.writable);
                      if (++readable == 2) watch.want({});
                  }};
    watch.want({.readable = true});
    watch.want({.readable = true});
    pair.write_there();
    loop.run();
    CHECK(readable == 2);
}

TEST_CASE("interest in writing can be added and taken back")
{
    Loop loop;
    SocketPair pair;
    pair.write_there();
    int calls = 0;
    FdWatch watch{loop, pair.here.get(), [&](Interest ready) {
                      CHECK(ready.readable);
                      CHECK(ready.writable == (calls == 0));
                      watch.want({.readable = calls == 0});
                      ++calls;
                  }};
    watch.want({.readable = true, .writable = true});
    loop.run();
    CHECK(calls == 2);
}

TEST_CASE("a watch may die in its own callback, and the descriptor be watched again at once")
{
    Loop loop;
    SocketPair pair;
    pair.write_there();
    int calls = 0;
    std::optional<FdWatch> second;
    std::unique_ptr<FdWatch> first;
    first = std::make_unique<FdWatch>(loop, pair.here.get(), [&](Interest) {
        ++calls;
        first.reset();
        second.emplace(loop, pair.here.get(), [&](Interest) {
            ++calls;
            second.reset();
        });
        second->want({.readable = true});
    });
    first->want({.readable = true});
    loop.run();
    CHECK(calls == 2);
}

TEST_CASE("an error is reported as both kinds of readiness, and again until it is dealt with")
{
    Loop loop;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    const Fd writer{ends[1]};
    Fd{ends[0]}.reset(); // The write end of a pipe without reader has a pending error.
    int calls = 0;
    FdWatch watch{loop, writer.get(), [&](Interest ready) {
                      CHECK(ready == Interest{.readable = true, .writable = true});
                      if (++calls == 2) watch.want({});
                  }};
    watch.want({.writable = true});
    loop.run();
    CHECK(calls == 2);
}

TEST_CASE("each delivery of a signal is reported")
{
    Loop loop;
    int delivered = 0;
    std::unique_ptr<SignalWatch> watch;
    watch = std::make_unique<SignalWatch>(loop, SIGUSR1, [&] {
        if (++delivered == 2)
            watch.reset();
        else
            ::raise(SIGUSR1);
    });
    ::raise(SIGUSR1);
    loop.run();
    CHECK(delivered == 2);
}

TEST_CASE("address texts resolve to themselves, once each")
{
    for (const auto* text : {"127.0.0.1", "::1", "2001:db8::7"}) {
        const auto found = resolve(text);
        REQUIRE(found);
        CHECK(*found == std::vector{Address::parse(text).value()});
    }
}

TEST_CASE("the name of this host resolves from the hosts file")
{
    const auto found = resolve("localhost");
    REQUIRE(found);
    for (const Address& address : *found) {
        CHECK(address.is_loopback());
        CHECK(std::ranges::count(*found, address) == 1);
    }
}

TEST_CASE("what cannot be a name fails in the callback, with the name in the error")
{
    const std::string name(300, 'a');
    const auto failed = resolve(name);
    REQUIRE(!failed);
    CHECK(failed.error().text().starts_with("resolve " + name + ": "));
}

TEST_CASE("a lookup may be given up at any time, also in its own callback")
{
    enter_private_netns();
    Loop loop;
    for (const std::string& name : {std::string{"127.0.0.1"}, std::string(300, 'a')}) {
        {
            const Resolve dropped{loop, name, [](auto) { FAIL("given up"); }};
        }
        int calls = 0;
        std::optional<Resolve> lookup;
        lookup.emplace(loop, name, [&](auto) {
            ++calls;
            lookup.reset();
        });
        loop.run();
        CHECK(calls == 1);
    }
    const Resolve pending{loop, "127.0.0.1", [](auto) { FAIL("given up"); }};
}

TEST_CASE("a task runs on another thread and reports on the loop")
{
    Loop loop;
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    std::string report;
    const PoolTask task{loop,
                        [&] {
                            there = std::this_thread::get_id();
                            return Status{fail(std::errc::io_error, "disk")};
                        },
                        [&](const Status& outcome) {
                            CHECK(std::this_thread::get_id() == here);
                            report = outcome.error().what;
                        }};
    CHECK(report.empty());
    loop.run();
    CHECK(report == "disk");
    CHECK(there != here);
}

TEST_CASE("a task that has begun is waited for when it dies, and reports nothing")
{
    Loop loop;
    std::atomic<bool> begun = false;
    std::atomic<bool> ended = false;
    {
        const PoolTask task{loop,
                            [&] {
                                begun = true;
                                std::this_thread::yield();
                                ended = true;
                                return Status{};
                            },
                            [](const Status&) { FAIL("reported"); }};
        while (!begun) std::this_thread::yield();
    }
    CHECK(ended);
    loop.run();
}
