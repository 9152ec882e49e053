#include "common/session/pressure.hpp"

#include <doctest/doctest.h>

using namespace braid;

namespace {

using Queue = PressureMeter::Queue;

/// Looks every 5 ms, as long as it is told, at a queue that stays as it is.
struct Watched {
    void stays(Queue queue, Duration time)
    {
        for (const TimePoint end = now + time; now < end; now += 5ms) meter.look(now, queue);
    }
    /// Of every period the queue waits but for the last look.
    void breathes(Duration period, Duration time)
    {
        for (const TimePoint end = now + time; now < end;) {
            stays(Queue::waits, period - 5ms);
            stays(Queue::empty, 5ms);
        }
    }
    [[nodiscard]] bool full() const { return meter.full(); }

    PressureMeter meter;
    TimePoint now = TimePoint{} + 1h;
};

Watched full_one()
{
    Watched queue;
    queue.stays(Queue::waits, 200ms);
    REQUIRE(queue.full());
    return queue;
}

} // namespace

TEST_CASE("a queue that has waited for 150 ms on end is full")
{
    Watched queue;
    CHECK_FALSE(queue.full());
    queue.stays(Queue::waits, 150ms);
    CHECK_FALSE(queue.full());
    queue.stays(Queue::waits, 5ms);
    CHECK(queue.full());
}

TEST_CASE("a queue that is empty now and then is never full")
{
    Watched queue;
    queue.breathes(150ms, 10s);
    CHECK_FALSE(queue.full());
}

TEST_CASE("a full queue is full until it was empty in every 100 ms of 2 s")
{
    auto queue = full_one();
    queue.breathes(100ms, 2s);
    CHECK(queue.full());
    queue.breathes(100ms, 100ms);
    CHECK_FALSE(queue.full());
}

TEST_CASE("one long wait starts the 2 s anew")
{
    auto queue = full_one();
    queue.breathes(100ms, 1900ms);
    queue.stays(Queue::waits, 120ms);
    queue.breathes(100ms, 1900ms);
    CHECK(queue.full());
    queue.breathes(100ms, 300ms);
    CHECK_FALSE(queue.full());
}

TEST_CASE("a queue that is emptied too seldom stays full")
{
    auto queue = full_one();
    queue.breathes(120ms, 10s);
    CHECK(queue.full());
}

TEST_CASE("nothing is known of the time between two looks that are far apart")
{
    Watched queue;
    for (int i = 0; i < 10; ++i) {
        queue.stays(Queue::waits, 50ms);
        queue.now += 500ms;
    }
    CHECK_FALSE(queue.full());
}
