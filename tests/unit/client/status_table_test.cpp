#include "client/status_table.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace braid;
using nlohmann::json;

TEST_CASE("the client's status is a summary, its uplinks, and its lanes with their subflows")
{
    const auto status = json::parse(R"({
        "schema": 1, "role": "client", "state": "degraded", "server": "203.0.113.5:8684",
        "tun": {"name": "braid0", "addresses": ["10.86.0.2/24", "fd86::2/64"], "mtu": 1500},
        "mptcp": true, "policy": "aggregate", "cipher": "aes-256-gcm",
        "crypto": {"aes-256-gcm": "libcrypto 3.0.17", "chacha20-poly1305": "libsodium 1.0.18"},
        "workers": {"configured": "auto", "threads": 1, "in_use": true},
        "uplinks": [
            {"interface": "wifi", "priority": "primary", "state": "active", "since_s": 12.34,
             "reason": "carries traffic", "address": "192.168.1.5", "rtt_us": 21349,
             "loss": 0.0042, "probes": true, "share": 0.63,
             "tx_bytes": 1234567890, "rx_bytes": 340000000, "last_failover": null},
            {"interface": "lte", "priority": "backup", "state": "down", "since_s": 190.0,
             "reason": "no carrier", "address": "", "rtt_us": 0, "loss": 0.0, "probes": false,
             "share": 0.0, "tx_bytes": 0, "rx_bytes": 0,
             "last_failover": {"reason": "no_carrier", "ago_s": 190.1, "gap_ms": null}}],
        "lanes": [{"class": "bulk", "mptcp": true, "subflows": [
            {"uplink": "wifi", "local": "192.168.1.5:40000", "remote": "203.0.113.5:8684",
             "backup": false, "rtt_us": 21349, "tx_bytes": 1000, "rx_bytes": 20},
            {"uplink": "lte", "local": "[2001:db8::7]:40001", "remote": "[2001:db8::1]:8684",
             "backup": true, "rtt_us": 70000, "tx_bytes": 1, "rx_bytes": 2}]}]})");
    CHECK("\n" + client_status_table(status) == R"(
state    degraded
server   203.0.113.5:8684
tunnel   braid0: 10.86.0.2/24, fd86::2/64, mtu 1500
mptcp    yes
crypto   aes-256-gcm by libcrypto 3.0.17
workers  auto, in use: 1 beside the loop
policy   aggregate

uplink  priority  state   for    rtt      loss   share  sent    received  reason
wifi    primary   active  12 s   21.3 ms  0.4 %  63 %   1.2 GB  340.0 MB  carries traffic
lte     backup    down    3 min  -        -      0 %    0 B     0 B       no carrier

last fail-over of lte: no_carrier 3 min ago

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
    CHECK(text.find("received  data   reason\n") != std::string::npos);
    CHECK(text.find("-         100 %  -\n") != std::string::npos);
}

TEST_CASE("each uplink's last fail-over is told, with its gap where one was measured")
{
    const auto text = client_status_table(json::parse(R"({"uplinks": [
        {"interface": "wifi",
         "last_failover": {"reason": "silent_loss", "ago_s": 130.5, "gap_ms": 61}},
        {"interface": "dsl", "last_failover": null},
        {"interface": "lte",
         "last_failover": {"reason": "link_down", "ago_s": 7.0, "gap_ms": null}}]})"));
    CHECK(text.ends_with("\n\nlast fail-over of wifi: silent_loss 2 min ago, gap 61 ms\n"
                         "last fail-over of lte: link_down 7 s ago\n"));
}

TEST_CASE("the table of usual values keeps within 120 columns")
{
    const json uplink = json::parse(R"({
        "interface": "wlan0", "priority": "primary", "state": "standby", "since_s": 12.0,
        "reason": "works, used when no better uplink does", "rtt_us": 21300, "loss": 0.004,
        "probes": true, "share": 0.63, "tx_bytes": 123400000, "rx_bytes": 340000000,
        "data": {"today_bytes": 320000000, "daily_cap": 500000000, "at_cap": "limit 256k"},
        "last_failover": {"reason": "silent_loss", "ago_s": 119.0, "gap_ms": 1061}})");
    const auto text = client_status_table({{"uplinks", json::array({uplink})}});
    std::size_t longest = 0;
    for (std::size_t from = 0; from < text.size(); from = text.find('\n', from) + 1)
        longest = std::max(longest, text.find('\n', from) - from);
    CHECK(longest > 100);
    CHECK(longest <= 120);
}

TEST_CASE("a status of which nothing is known is still a table")
{
    CHECK("\n" + client_status_table(json::object()) == R"(
state   -
server  -
tunnel  -: -, mtu -
mptcp   -
crypto  -
policy  -

uplink  priority  state  for  rtt  loss  share  sent  received  reason
)");
    const auto error = client_status_table({{"last_error", "no\nroute"}});
    CHECK(error.find("last error  no?route\n") != std::string::npos);
    const auto lane = client_status_table({{"lanes", {{{"class", "bulk"}, {"mptcp", false}}}}});
    CHECK(lane.find("\nlane bulk (plain tcp, one uplink)\n") != std::string::npos);
}
