#include "common/sys/workers.hpp"

#include "tests/unit/netns.hpp"

#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

constexpr auto patience = 5s;

/// Adds up; notes who ran it.
struct Sum : Job {
    void run(std::size_t number) noexcept override
    {
        thread = number;
        sum = 0;
        for (int i = 1; i <= 1000; ++i) sum += i;
    }
    int sum = 0;
    std::size_t thread = 99;
};

/// Runs until it is let go.
struct Held : Job {
    void run(std::size_t) noexcept override
    {
        begun.release();
        go.acquire();
        ++runs;
    }
    std::binary_semaphore begun{0};
    std::binary_semaphore go{0};
    int runs = 0;
};

struct Owner : WorkLine::Owner {
    explicit Owner(Workers& workers) { line.emplace(workers, *this); }
    void on_work_done() override
    {
        ++calls;
        if (hook) hook();
    }
    int calls = 0;
    std::function<void()> hook;
    std::optional<WorkLine> line;
};

struct Fixture {
    explicit Fixture(std::size_t threads = 2) : workers(Workers::start(loop, threads).value()) {}
    Loop loop;
    std::unique_ptr<Workers> workers;
};

} // namespace

TEST_CASE("jobs are done by the threads, and the owner is told on the loop")
{
    for (const std::size_t threads : {1u, 2u, 8u}) {
        CAPTURE(threads);
        Fixture fixture{threads};
        CHECK(fixture.workers->threads() == threads);
        std::array<Sum, 50> jobs;
        Owner owner{*fixture.workers};
        for (Sum& job : jobs) owner.line->submit(job);
        const auto all_done = [&] {
            return std::ranges::all_of(jobs, [](const Sum& job) { return job.done(); });
        };
        owner.hook = [&] {
            if (all_done()) fixture.loop.stop();
        };
        Timer limit{fixture.loop, [&] { fixture.loop.stop(); }};
        limit.once(patience);
        if (!all_done()) fixture.loop.run();
        REQUIRE(all_done());
        for (const Sum& job : jobs) {
            CHECK(job.sum == 500'500);
            CHECK(job.thread >= 1);
            CHECK(job.thread <= threads);
        }
    }
}

TEST_CASE("every job that a thread does is told of")
{
    Fixture fixture{2};
    Owner owner{*fixture.workers};
    Sum job;
    for (int round = 0; round < 200; ++round) {
        const int before = owner.calls;
        owner.line->submit(job);
        REQUIRE(runs_until(fixture.loop, patience, [&] { return owner.calls > before; }));
        REQUIRE(job.done());
    }
}

TEST_CASE("more jobs than the queue holds are all done")
{
    Fixture fixture{1};
    Owner owner{*fixture.workers};
    Held held;
    owner.line->submit(held);
    held.begun.acquire();
    std::vector<Sum> jobs(Workers::queue_room + 10);
    for (Sum& job : jobs) owner.line->submit(job);
    for (std::size_t i = Workers::queue_room; i < jobs.size(); ++i) {
        CHECK(jobs[i].done());
        CHECK(jobs[i].thread == 0);
    }
    held.go.release();
    owner.line->finish();
    for (const Sum& job : jobs) CHECK(job.sum == 500'500);
}

TEST_CASE("cancel waits for the job that runs, and nobody is told")
{
    Fixture fixture{1};
    Owner owner{*fixture.workers};
    Held held;
    owner.line->submit(held);
    held.begun.acquire();
    std::thread other{[&] { held.go.release(); }};
    owner.line->cancel();
    CHECK(held.runs == 1);
    other.join();
    (void)runs_until(fixture.loop, 20ms, [] { return false; });
    CHECK(owner.calls == 0);
}

TEST_CASE("cancel forgets the jobs that wait, and leaves those of others")
{
    Fixture fixture{1};
    Owner first{*fixture.workers};
    Owner second{*fixture.workers};
    Held held;
    Sum forgotten;
    Sum kept;
    second.line->submit(held);
    held.begun.acquire();
    first.line->submit(forgotten);
    second.line->submit(kept);
    first.line->cancel();
    held.go.release();
    REQUIRE(runs_until(fixture.loop, patience, [&] { return kept.done(); }));
    CHECK_FALSE(forgotten.done());
    CHECK(forgotten.thread == 99);
    second.line->finish();
}

TEST_CASE("finish does what waits itself, and the owner is told")
{
    Fixture fixture{1};
    Owner owner{*fixture.workers};
    Held held;
    std::array<Sum, 3> jobs;
    owner.line->submit(held);
    held.begun.acquire();
    for (Sum& job : jobs) owner.line->submit(job);
    std::thread other{[&] { held.go.release(); }};
    owner.line->finish();
    other.join();
    CHECK(held.done());
    for (const Sum& job : jobs) CHECK(job.done());
    CHECK(runs_until(fixture.loop, patience, [&] { return owner.calls > 0; }));
}

TEST_CASE("a line may die while it is told, with jobs of others under way")
{
    Fixture fixture{2};
    Owner dies{*fixture.workers};
    Owner lives{*fixture.workers};
    std::array<Sum, 10> jobs;
    Sum last;
    dies.hook = [&] { dies.line.reset(); };
    for (Sum& job : jobs) dies.line->submit(job);
    lives.line->submit(last);
    CHECK(runs_until(fixture.loop, patience, [&] { return !dies.line && lives.calls > 0; }));
    CHECK(dies.calls == 1);
}

TEST_CASE("worker threads leave signals to the loop's thread")
{
    struct Mask : Job {
        void run(std::size_t) noexcept override
        {
            ::sigemptyset(&set);
            ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
        }
        sigset_t set{};
    };
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
    Fixture fixture{1};
    Owner owner{*fixture.workers};
    Mask mask;
    owner.line->submit(mask);
    REQUIRE(runs_until(fixture.loop, patience, [&] { return owner.calls > 0; }));
    CHECK(::sigismember(&mask.set, SIGTERM) == 1);
    CHECK(::sigismember(&mask.set, SIGHUP) == 1);
    sigset_t after;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &after);
    CHECK(::sigismember(&after, SIGTERM) == ::sigismember(&before, SIGTERM));
}
