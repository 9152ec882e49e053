#include "client/traffic_ledger.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using test::endpoint;

/// A subflow of an uplink, told apart by its local port.
SubflowView flow(const char* interface, std::uint16_t port, std::uint64_t sent,
                 std::uint64_t received, std::uint32_t rtt_us = 0)
{
    SubflowView view{.interface = interface, .subflow = {}};
    view.subflow.local = {test::address("10.1.0.2"), port};
    view.subflow.remote = endpoint("203.0.113.5:8684");
    view.subflow.bytes_sent = sent;
    view.subflow.bytes_received = received;
    view.subflow.rtt_us = rtt_us;
    return view;
}

void check(const TrafficLedger& ledger, const char* interface, std::uint64_t sent,
           std::uint64_t received, std::uint32_t rtt_us = 0)
{
    CAPTURE(interface);
    const auto totals = ledger.totals(interface);
    CHECK(totals.tx_bytes == sent);
    CHECK(totals.rx_bytes == received);
    CHECK(totals.rtt_us == rtt_us);
}

} // namespace

TEST_CASE("an uplink that never carried anything has carried nothing")
{
    check(TrafficLedger{}, "wifi", 0, 0);
}

TEST_CASE("a living subflow counts as of now")
{
    TrafficLedger ledger;
    ledger.update({flow("wifi", 1, 100, 10, 5000), flow("lte", 2, 7, 70, 60000)});
    ledger.update({flow("wifi", 1, 150, 15, 5500), flow("lte", 2, 8, 80, 61000)});
    check(ledger, "wifi", 150, 15, 5500);
    check(ledger, "lte", 8, 80, 61000);
}

TEST_CASE("what an ended subflow carried stays in the books")
{
    TrafficLedger ledger;
    ledger.update({flow("wifi", 1, 100, 10, 5000)});
    ledger.update({});
    check(ledger, "wifi", 100, 10);
    ledger.update({});
    check(ledger, "wifi", 100, 10);
}

TEST_CASE("the next subflow of an uplink adds to the ended ones")
{
    TrafficLedger ledger;
    ledger.update({flow("wifi", 1, 100, 10, 5000)});
    ledger.update({flow("wifi", 2, 1, 2, 7000)});
    check(ledger, "wifi", 101, 12, 7000);
    ledger.update({flow("wifi", 3, 5, 5, 8000)});
    check(ledger, "wifi", 106, 17, 8000);
}

TEST_CASE("subflows of the same uplink that live together are added up")
{
    TrafficLedger ledger;
    ledger.update({flow("wifi", 1, 100, 10), flow("wifi", 2, 1, 2)});
    check(ledger, "wifi", 101, 12);
}

TEST_CASE("a subflow whose address has vanished still belongs to its uplink")
{
    TrafficLedger ledger;
    ledger.update({flow("wifi", 1, 100, 10, 5000)});
    ledger.update({flow("", 1, 120, 12, 5000)});
    check(ledger, "wifi", 120, 12, 5000);
    ledger.update({flow("", 1, 130, 13, 5000)});
    ledger.update({});
    check(ledger, "wifi", 130, 13);
    check(ledger, "", 0, 0);
}

TEST_CASE("subflows to different servers are different subflows")
{
    TrafficLedger ledger;
    auto other = flow("wifi", 1, 1, 2);
    other.subflow.remote = endpoint("203.0.113.6:8684");
    ledger.update({flow("wifi", 1, 100, 10)});
    ledger.update({other});
    check(ledger, "wifi", 101, 12);
}

TEST_CASE("shares are those of the last ten seconds")
{
    TrafficLedger ledger;
    CHECK(ledger.share("wifi") == 0.0);
    ledger.update({flow("wifi", 1, 1000, 0), flow("lte", 2, 0, 0)});
    CHECK(ledger.share("wifi") == 1.0);
    for (std::size_t second = 0; second < TrafficLedger::window; ++second) ledger.mark();
    ledger.update({flow("wifi", 1, 1000, 100), flow("lte", 2, 100, 200)});
    CHECK(ledger.share("wifi") == 0.25);
    CHECK(ledger.share("lte") == 0.75);
    for (std::size_t second = 0; second < TrafficLedger::window; ++second) ledger.mark();
    CHECK(ledger.share("wifi") == 0.0);
}

} // namespace braid
