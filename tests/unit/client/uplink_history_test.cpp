#include "client/uplink_history.hpp"

#include <doctest/doctest.h>
#include <sstream>

namespace braid {
namespace {

constexpr TimePoint start{1h};
constexpr UplinkState active{.state = "active", .reason = "carries traffic", .cause = {}};
constexpr UplinkState standby{.state = "standby", .reason = "works", .cause = {}};
constexpr UplinkState stalled{.state = "stalled", .reason = "silent", .cause = "stall"};
constexpr UplinkState connecting{.state = "connecting", .reason = "no subflow yet", .cause = {}};
constexpr UplinkState lost{.state = "lost", .reason = "no answer", .cause = "silent_loss"};
constexpr UplinkState no_carrier{.state = "down", .reason = "no carrier", .cause = "no_carrier"};

/// "down wifi silent_loss 61"
std::string text(const std::vector<UplinkHistory::Event>& events)
{
    std::ostringstream all;
    for (const auto& event : events) {
        constexpr const char* kinds[] = {"up", "down", "stalled"};
        if (all.tellp() != 0) all << ", ";
        all << kinds[static_cast<int>(event.kind)] << ' ' << event.interface;
        if (!event.cause.empty()) all << ' ' << event.cause;
        if (event.gap) all << ' ' << *event.gap / 1ms;
    }
    return all.str();
}

} // namespace

TEST_CASE("a fail-over's gap lasts from the last thing that moved to the next, elsewhere")
{
    UplinkHistory history;
    history.note(start, "wifi", active, {});
    history.note(start, "lte", standby, {});
    CHECK(text(history.take_events(start)) == "up wifi, up lte");
    history.note(start + 10s, "wifi", lost, start + 10s - 50ms);
    CHECK(text(history.take_events(start + 10s)).empty());
    history.moved(start + 10s + 5ms, "wifi"); // the dead do not count
    history.moved(start + 10s + 11ms, "lte");
    CHECK(text(history.take_events(start + 10s + 11ms)) == "down wifi silent_loss 61");
    const auto* wifi = history.entry("wifi");
    REQUIRE(wifi);
    CHECK(wifi->state == "lost");
    CHECK(wifi->since == start + 10s);
    CHECK(wifi->last_failover->gap == 61ms);
    CHECK(wifi->last_failover->cause == "silent_loss");
    CHECK_FALSE(history.entry("lte")->last_failover);
}

TEST_CASE("where nothing wanted to move there is no gap")
{
    UplinkHistory history;
    history.note(start, "wifi", active, {});
    (void)history.take_events(start);
    history.note(start + 10s, "wifi", no_carrier, start + 10s);
    CHECK(text(history.take_events(start + 11s)).empty());
    CHECK(text(history.take_events(start + 12s)) == "down wifi no_carrier");
    CHECK_FALSE(history.entry("wifi")->last_failover->gap);
}

TEST_CASE("one that only stood by goes without a gap, and comes back")
{
    UplinkHistory history;
    history.note(start, "lte", standby, {});
    (void)history.take_events(start);
    history.note(start + 1s, "lte", lost, {});
    CHECK(text(history.take_events(start + 1s)) == "down lte silent_loss");
    history.note(start + 2s, "lte", connecting, {});
    history.note(start + 3s, "lte", active, {});
    CHECK(text(history.take_events(start + 3s)) == "up lte");
}

TEST_CASE("a stall and its end are no fail-over")
{
    UplinkHistory history;
    history.note(start, "wifi", active, {});
    history.note(start + 1s, "wifi", stalled, {});
    history.note(start + 2s, "wifi", active, {});
    CHECK(text(history.take_events(start + 2s)) == "up wifi, stalled wifi stall");
    CHECK_FALSE(history.entry("wifi")->last_failover);
}

TEST_CASE("an uplink that is down when first seen has not failed")
{
    UplinkHistory history;
    history.note(start, "lte", no_carrier, {});
    CHECK(text(history.take_events(start + 5s)).empty());
    CHECK_FALSE(history.entry("lte")->last_failover);
    CHECK(history.entry("nobody") == nullptr);
}

TEST_CASE("nor has one over which nothing had moved for long")
{
    UplinkHistory history;
    history.note(start, "wifi", active, {});
    (void)history.take_events(start);
    history.note(start + 10s, "wifi", lost, start + 2s);
    history.moved(start + 10s + 5ms, "lte");
    CHECK(text(history.take_events(start + 10s + 5ms)) == "down wifi silent_loss");
    CHECK_FALSE(history.entry("wifi")->last_failover->gap);
}

} // namespace braid
