#include "client/path_health.hpp"

#include <deque>
#include <doctest/doctest.h>
#include <utility>

namespace braid {
namespace {

constexpr TimePoint start{1h};

/// A path with a round trip of its own, in simulated rounds.
class Path {
public:
    explicit Path(bool metered = false) : health(metered) {}

    void round()
    {
        now += StallClock::round;
        while (works && !under_way.empty() && now - under_way.front().second >= rtt) {
            (void)health.echoed(now, under_way.front().first);
            under_way.pop_front();
        }
        health.tick(now, refuge, lateness);
        if (const auto number = health.next_probe(now, use)) {
            ++sent;
            if (works || holds) under_way.emplace_back(*number, now);
        }
    }
    void run(Duration time)
    {
        for (const TimePoint end = now + time; now < end;) round();
    }
    void cut()
    {
        works = false;
        under_way.clear();
    }
    /// Yields how long it took.
    Duration until(Health wanted, Duration most = 5s)
    {
        const TimePoint begin = now;
        while (health.health() != wanted && now - begin < most) round();
        return now - begin;
    }

    PathHealth health;
    TimePoint now = start;
    Duration rtt = 20ms;
    bool works = true;
    bool holds = false; ///< packets, while it does not work
    Refuge refuge = Refuge::fresh;
    Duration lateness{};
    PathUse use = PathUse::carrying;
    int sent = 0;
    std::deque<std::pair<std::uint32_t, TimePoint>> under_way;
};

} // namespace

TEST_CASE("a path is unknown until something has come back over it")
{
    Path path;
    path.works = false;
    path.run(2s);
    CHECK(path.health.health() == Health::unknown);
    CHECK_FALSE(path.health.probes_pass());
    path.works = true;
    CHECK(path.until(Health::good) < 200ms);
    CHECK(path.health.rtt() == 20ms);
    CHECK(path.health.probes_pass());
}

TEST_CASE("a carrying path that goes silent is lost in less than 80 ms, whatever its round trip")
{
    for (const Duration rtt : {Duration{2ms}, Duration{20ms}, Duration{70ms}, Duration{300ms}}) {
        Path path;
        path.rtt = rtt;
        path.run(5s);
        path.cut();
        const Duration taken = path.until(Health::lost);
        CAPTURE(rtt.count());
        CHECK(taken >= StallClock::least_patience);
        CHECK(taken <= 80ms);
    }
}

TEST_CASE("a path that stands by is found lost within a second")
{
    Path path;
    path.use = PathUse::ready;
    path.run(5s);
    path.cut();
    CHECK(path.until(Health::lost) <= 1s);
}

TEST_CASE("the only path that works is never given up")
{
    Path path;
    path.refuge = Refuge::none;
    path.run(1s);
    path.cut();
    CHECK(path.until(Health::stalled) <= 120ms);
    path.run(10s);
    CHECK(path.health.health() == Health::stalled);
    path.works = true;
    CHECK(path.until(Health::good) <= 150ms);
    CHECK(path.now - path.health.outage_ended_at() < 20ms);
}

TEST_CASE("lone losses of probes are counted and convict nobody")
{
    Path path;
    int n = 0;
    for (int i = 0; i < 20'000; ++i) {
        const int before = path.sent;
        path.round();
        if (path.sent != before && ++n % 20 == 0) path.under_way.pop_back();
        REQUIRE(path.health.health() != Health::lost);
    }
    CHECK(path.health.loss() > 0.02);
    CHECK(path.health.loss() < 0.1);
}

TEST_CASE("a path that stalls by nature is cut a few times, then only demoted")
{
    Path path;
    path.holds = true;
    path.run(2s);
    int lost = 0;
    for (int stall = 0; stall < 20; ++stall) {
        path.works = false;
        const auto held = path.until(Health::lost, 300ms);
        if (held < 300ms) {
            ++lost;
            path.run(300ms - held);
        }
        path.works = true;
        path.run(3s);
        REQUIRE(path.health.health() != Health::lost);
    }
    CHECK(lost >= 1);
    CHECK(lost <= 3);
}

TEST_CASE("a lost path is good again after two echoes, within 250 ms")
{
    Path path;
    path.run(1s);
    path.cut();
    path.run(3s);
    REQUIRE(path.health.health() == Health::lost);
    path.works = true;
    CHECK(path.until(Health::good) <= 250ms);
}

TEST_CASE("after five seconds a lost path may be tried without probes")
{
    Path path;
    path.run(1s);
    path.cut();
    path.run(6s);
    CHECK(path.health.health() == Health::trying);
    path.health.subflow(path.now, true, 0, 0); // TCP gets through
    CHECK(path.health.health() == Health::good);
}

TEST_CASE("without probes the ACKs of a subflow are what tells")
{
    Path path;
    path.works = false;
    for (int i = 0; i < 1000; ++i) {
        path.health.subflow(path.now, true, 0, 1000);
        path.round();
    }
    CHECK(path.health.health() == Health::good);
    const TimePoint begin = path.now;
    while (path.health.health() == Health::good && path.now - begin < 1s) {
        path.health.subflow(path.now, false, 10, 0);
        path.round();
    }
    CHECK(path.now - begin <= 60ms);
    CHECK(path.health.health() == Health::lost);
}

TEST_CASE("ACKs acquit a path whose probes are lost")
{
    Path path;
    path.run(1s);
    path.cut();
    for (int i = 0; i < 1000; ++i) {
        path.health.subflow(path.now, true, 0, 1000);
        path.round();
        REQUIRE(path.health.health() == Health::good);
    }
}

TEST_CASE("a slow path is poor until it has been good for a while")
{
    Path path;
    path.run(2s);
    path.rtt = 400ms;
    CHECK(path.until(Health::poor) <= 2s);
    path.rtt = 20ms;
    path.run(5s);
    CHECK(path.health.health() == Health::poor);
    CHECK(path.until(Health::good, 20s) <= 8s);
}

TEST_CASE("an idle metered path costs less than 1 MB an hour, working or not")
{
    constexpr double size = 80; // IPv6, UDP and 32 bytes
    for (const auto& kind : {std::pair{true, Refuge::fresh}, std::pair{false, Refuge::fresh},
                             std::pair{false, Refuge::none}}) { // the only uplink
        const bool works = kind.first;
        const Refuge refuge = kind.second;
        Path path{true};
        path.refuge = refuge;
        path.use = PathUse::ready;
        path.run(10s);
        if (!works) path.cut();
        path.run(60s); // the search begins faster
        path.sent = 0;
        path.run(600s);
        CAPTURE(works);
        CAPTURE(static_cast<int>(refuge));
        CHECK(path.sent * 6 * (works ? 2 * size : size) < 1e6); // with the echoes
        CHECK(path.sent > 0);
    }
}

TEST_CASE("a busy metered path's probes cost a share of what it carries")
{
    Path path{true};
    path.run(10s);
    path.sent = 0;
    std::uint64_t carried = 0;
    for (int i = 0; i < 20 * 200; ++i) {
        path.health.subflow(path.now, false, 0, 1000); // a download: bytes, but no ACKs of ours
        carried += 1000;
        path.round();
    }
    CHECK(path.sent * 160.0 < 0.03 * static_cast<double>(carried));
    CHECK(path.sent > 20 * 10);
}

TEST_CASE("what speaks against a verdict makes it later")
{
    const auto taken = [](Refuge refuge, Duration lateness, bool data_comes) {
        Path path;
        path.refuge = refuge;
        path.lateness = lateness;
        path.run(5s);
        path.cut();
        const TimePoint begin = path.now;
        while (path.health.health() != Health::lost && path.now - begin < 5s) {
            if (data_comes) path.health.heard(path.now);
            path.round();
        }
        return path.now - begin;
    };
    const Duration usual = taken(Refuge::fresh, 0ms, false);
    CHECK(taken(Refuge::idle, 0ms, false) == usual + PathHealth::idle_refuge_patience);
    CHECK(taken(Refuge::fresh, 30ms, false) == usual + 30ms);
    CHECK(taken(Refuge::fresh, 0ms, true) == usual + PathHealth::heard_patience);
}

TEST_CASE("a path that lets no probes through any more is lost once at most")
{
    Path path;
    path.run(2s);
    path.cut(); // for UDP
    int lost = 0;
    for (int i = 0; i < 60 * 200; ++i) { // a minute, ACKs at times only
        const bool alive = path.health.health() == Health::lost;
        const bool idle = i / 200 % 4 != 0;
        if (!idle && !alive) path.health.subflow(path.now, true, 0, 1000);
        path.use = idle ? PathUse::ready : PathUse::carrying;
        const Health before = path.health.health();
        path.round();
        if (path.health.health() == Health::lost && before != Health::lost) ++lost;
    }
    CHECK(lost <= 1);
    CHECK_FALSE(path.health.probes_pass());
    CHECK(path.health.health() == Health::good);
}

TEST_CASE("a subflow that is stuck again and again is made again ever more seldom")
{
    Path path;
    path.run(2s);
    for (int i = 0; i < 2; ++i) { // may be a NAT
        CHECK(path.health.stuck(path.now, Refuge::fresh));
        path.run(1s);
    }
    CHECK(path.health.health() == Health::good);
    for (const Duration bar : {Duration{2s}, Duration{4s}, Duration{8s}}) {
        CHECK_FALSE(path.health.stuck(path.now, Refuge::fresh));
        CHECK(path.health.health() == Health::lost);
        path.run(bar - 100ms);
        CHECK(path.health.health() == Health::lost); // although probes come back
        CHECK(path.until(Health::good) <= 1s);
    }
}

TEST_CASE("a path that flaps is given up for a while, and sooner the next time")
{
    for (const Duration half : {Duration{200ms}, Duration{400ms}, Duration{900ms}}) {
        CAPTURE(half.count());
        Path path;
        path.run(5s);
        const auto flap = [&] {
            path.cut();
            path.run(half);
            path.works = true;
            path.run(half);
        };
        for (int i = 0; i < PathHealth::outages_to_bar; ++i) flap();
        CHECK(path.health.health() == Health::lost);
        path.run(PathHealth::first_bar - half - 100ms);
        CHECK(path.health.health() == Health::lost); // although probes come back
        CHECK(path.until(Health::good) <= 1100ms);
        path.cut();
        CHECK(path.until(Health::lost) <= 80ms); // its outages were no gaps to be patient with
        path.works = true;
        path.run(2 * PathHealth::first_bar - 100ms);
        CHECK(path.health.health() == Health::lost);
        CHECK(path.until(Health::good) <= 1100ms);
    }
}

TEST_CASE("a path that is given up for its flapping is taken again when no other works any more")
{
    Path path;
    path.run(5s);
    for (int i = 0; i < PathHealth::outages_to_bar; ++i) {
        path.cut();
        path.run(200ms);
        path.works = true;
        path.run(200ms);
    }
    REQUIRE(path.health.health() == Health::lost);
    path.refuge = Refuge::none;
    CHECK(path.until(Health::good) <= 900ms);
}

TEST_CASE("outages that are far apart, or hold back what is on the way, are no flapping")
{
    for (const bool holds : {false, true}) {
        CAPTURE(holds);
        Path path;
        path.holds = holds;
        path.run(5s);
        for (int i = 0; i < 10; ++i) {
            path.works = false;
            if (!holds) path.under_way.clear();
            path.run(200ms);
            path.works = true;
            CHECK(path.until(Health::good) <= 250ms);
            path.run(holds ? 200ms : Duration{PathHealth::outage_again});
        }
    }
}

TEST_CASE("the only path is not given up for its flapping")
{
    Path path;
    path.refuge = Refuge::none;
    path.run(5s);
    for (int i = 0; i < 10; ++i) {
        path.cut();
        path.run(200ms);
        path.works = true;
        path.run(200ms);
        CHECK(path.health.health() == Health::good);
    }
}

TEST_CASE("the only path is never given up for a stuck subflow, which is made again now and then")
{
    Path path;
    path.refuge = Refuge::none;
    path.run(2s);
    int remade = 0;
    for (int i = 0; i < 60; ++i) {
        remade += path.health.stuck(path.now, Refuge::none) ? 1 : 0;
        path.run(1s);
        CHECK(path.health.health() == Health::good);
    }
    CHECK(remade >= 3);
    CHECK(remade <= 8);
}

} // namespace braid
