#include "common/session/worker_use.hpp"

#include <doctest/doctest.h>

using namespace braid;

namespace {

/// A process and its machine in simulated time; shares are of one processor.
struct Machine {
    struct Load {
        double loop = 0;
        double workers = 0;
        double idle = 0;
    };

    /// So much goes on for a while, and is looked at every 200 ms.
    bool run(Load load, Duration time)
    {
        for (const TimePoint end = now + time; now < end;) {
            now += 200ms;
            cpu.thread += part(load.loop, 200ms);
            cpu.process += part(load.loop + load.workers, 200ms);
            cpu.idle += part(load.idle, 200ms);
            use.sample(cpu, now);
        }
        return use.pool();
    }
    /// Nothing of interest happens: nobody looks.
    void rest(Duration time) { now += time; }

    static Duration part(double share, Duration time)
    {
        return std::chrono::duration_cast<Duration>(time * share);
    }

    TimePoint now{1h};
    CpuTime cpu{.process = 7s, .thread = 6s, .idle = 500s};
    WorkerUse use;
};

} // namespace

TEST_CASE("the first sample decides nothing")
{
    Machine machine;
    machine.use.sample(machine.cpu, machine.now);
    CHECK_FALSE(machine.use.pool());
    CHECK_FALSE(machine.use.due(machine.now + 199ms));
    CHECK(machine.use.due(machine.now + 200ms));
}

TEST_CASE("a busy loop uses the pool within 400 ms, if there is a processor to spare")
{
    struct Case {
        Machine::Load load;
        bool pool;
    };
    for (const Case& each :
         {Case{{.loop = 0.95, .idle = 3}, true}, Case{{.loop = 0.95, .idle = 0.6}, true},
          Case{{.loop = 0.95, .idle = 0.3}, false}, Case{{.loop = 0.8, .idle = 3}, false},
          Case{{.loop = 0.95, .idle = 0}, false}}) {
        CAPTURE(each.load.loop);
        CAPTURE(each.load.idle);
        Machine machine;
        CHECK(machine.run(each.load, 400ms) == each.pool);
    }
}

TEST_CASE("the pool stays while the work would fill a processor, wherever it is done")
{
    Machine machine;
    REQUIRE(machine.run({.loop = 1, .idle = 1}, 1s));
    CHECK(machine.run({.loop = 0.4, .workers = 0.5, .idle = 1}, 10s));
    CHECK(machine.run({.loop = 0.9, .workers = 0.9, .idle = 0.1}, 10s));
}

TEST_CASE("the pool is left when the work has been small for a second")
{
    Machine machine;
    REQUIRE(machine.run({.loop = 1, .idle = 1}, 1s));
    CHECK(machine.run({.loop = 0.3, .workers = 0.2, .idle = 1}, 800ms));
    CHECK(machine.run({.loop = 0.4, .workers = 0.5, .idle = 1}, 200ms));
    CHECK(machine.run({.loop = 0.3, .workers = 0.2, .idle = 1}, 800ms));
    CHECK_FALSE(machine.run({.loop = 0.3, .workers = 0.2, .idle = 1}, 200ms));
    CHECK_FALSE(machine.run({.loop = 0.8, .idle = 1}, 10s));
}

TEST_CASE("the pool is left when others need the processors")
{
    Machine machine;
    REQUIRE(machine.run({.loop = 1, .idle = 1}, 1s));
    CHECK_FALSE(machine.run({.loop = 0.7, .workers = 0.2, .idle = 0.1}, 1s));
}

TEST_CASE("a pause leaves the pool, and what was before it does not count")
{
    Machine machine;
    REQUIRE(machine.run({.loop = 1, .idle = 1}, 1s));
    machine.rest(1500ms);
    CHECK_FALSE(machine.run({.loop = 1, .idle = 1}, 200ms));
    CHECK(machine.run({.loop = 1, .idle = 1}, 200ms));
}
