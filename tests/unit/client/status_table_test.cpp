#include "client/status_table.hpp"

#include <doctest/doctest.h>

using namespace braid;
using nlohmann::json;

TEST_CASE("the client's status is a summary, its uplinks, and its lanes with their subflows")
{
    const auto status = json::parse(R"({
        "schema": 1, "role": "client", "state": "degraded", "server": "203.0.113.5:8684",
        "tun": {"name": "braid0", "addresses": ["10.86.0.2/24", "fd86::2/64"], "mtu": 1500},
        "mptcp": true, "policy": "aggregate",
        "uplinks": [
            {"interface": "wifi", "priority": "primary", "state": "active",
             "reason": "carries traffic", "address": "192.168.1.5", "rtt_us": 21349,
             "tx_bytes": 1234567890, "rx_bytes": 340000000},
            {"interface": "lte", "priority": "backup", "state": "down",
             "reason": "no carrier", "address": "", "rtt_us": 0, "tx_bytes": 0, "rx_bytes": 0}],
        "lanes": [{"class": "bulk", "mptcp": true, "subflows": [
            {"uplink": "wifi", "local": "192.168.1.5:40000", "remote": "203.0.113.5:8684",
             "backup": false, "rtt_us": 21349, "tx_bytes": 1000, "rx_bytes": 20},
            {"uplink": "lte", "local": "[2001:db8::7]:40001", "remote": "[2001:db8::1]:8684",
             "backup": true, "rtt_us": 70000, "tx_bytes": 1, "rx_bytes": 2}]}]})");
    CHECK("\n" + client_status_table(status) == R"(
state   degraded
server  203.0.113.5:8684
tunnel  braid0: 10.86.0.2/24, fd86::2/64, mtu 1500
mptcp   yes
policy  aggregate

uplink  priority  state   rtt      sent    received  address      reason
wifi    primary   active  21.3 ms  1.2 GB  340.0 MB  192.168.1.5  carries traffic
lte     backup    down    -        0 B     0 B       -            no carrier

lane bulk (mptcp)
  subflow  use     rtt      sent    received  local                remote
  wifi     normal  21.3 ms  1.0 kB  20 B      192.168.1.5:40000    203.0.113.5:8684
  lte      backup  70.0 ms  1 B     2 B       [2001:db8::7]:40001  [2001:db8::1]:8684
)");
}

TEST_CASE("uplinks with a data cap tell how far they are")
{
    const auto text = client_status_table(json::parse(R"({"uplinks": [
        {"interface": "wifi", "data": {"today_bytes": 5, "at_cap": null}},
        {"interface": "lte", "data": {"month_bytes": 6000, "monthly_cap": 5000,
                                      "at_cap": "backup", "reached": true}}]})"));
    CHECK(text.ends_with("\n\ndata lte  6.0 kB of 5.0 kB this month, reached  then backup\n"));
    CHECK(text.find("data wifi") == std::string::npos);
}

TEST_CASE("a status of which nothing is known is still a table")
{
    CHECK("\n" + client_status_table(json::object()) == R"(
state   -
server  -
tunnel  -: -, mtu -
mptcp   -
policy  -

uplink  priority  state  rtt  sent  received  address  reason
)");
    const auto error = client_status_table({{"last_error", "no\nroute"}});
    CHECK(error.find("last error  no?route\n") != std::string::npos);
    const auto lane = client_status_table({{"lanes", {{{"class", "bulk"}, {"mptcp", false}}}}});
    CHECK(lane.find("\nlane bulk (plain tcp, one uplink)\n") != std::string::npos);
}
