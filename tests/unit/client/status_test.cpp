#include "client/status.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>

namespace braid {
namespace {

using nlohmann::json;
using test::address;
using test::endpoint;
using test::prefix;

enum class Flag { normal, backup };

/// What a client would show, without a client.
struct Fixture {
    Fixture()
    {
        config.server.endpoints = {{"vpn.example.org", 8684}};
        tunnel.addresses = {prefix("10.86.0.2/24"), prefix("fd86::2/64")};
        tunnel.mtu = 1400;
    }

    Uplink& add_uplink(const char* interface, const char* from,
                       Priority priority = Priority::primary)
    {
        uplinks.push_back({.uplink = {.interface = interface,
                                      .index = 1,
                                      .up = true,
                                      .running = true,
                                      .addresses = {address(from)},
                                      .route_v4 = true},
                           .priority = priority});
        return uplinks.back().uplink;
    }
    mptcp::Subflow& add_flow(const char* interface, const char* local, Flag flag = Flag::normal)
    {
        SubflowView flow{.interface = interface, .subflow = {}};
        flow.subflow.local = endpoint(local);
        flow.subflow.remote = endpoint("203.0.113.5:8684");
        flow.subflow.tcp_state = 1;
        flow.subflow.backup = flag == Flag::backup;
        flows.push_back(flow);
        return flows.back().subflow;
    }
    /// A session over MPTCP.
    void establish() { established = was_up = mptcp = true; }

    [[nodiscard]] json status() const
    {
        return client_status({.config = config,
                              .makers = {},
                              .workers = workers,
                              .cipher = cipher,
                              .established = established,
                              .was_up = was_up,
                              .mptcp = mptcp,
                              .tunnel = tunnel,
                              .via = via,
                              .uplinks = uplinks,
                              .usage = std::vector(uplinks.size(), usage),
                              .subflows = flows,
                              .ledger = ledger,
                              .paths = paths,
                              .history = history,
                              .now = now,
                              .session = nullptr,
                              .tun_counters = tun_counters,
                              .last_error = last_error});
    }
    /// "interface state" of each uplink.
    [[nodiscard]] std::string states() const
    {
        std::string text;
        const json all = status().at("uplinks");
        for (const json& uplink : all)
            text.append(text.empty() ? "" : ", ")
                .append(uplink.at("interface").get<std::string>())
                .append(" ")
                .append(uplink.at("state").get<std::string>());
        return text;
    }

    ClientConfig config;
    TunnelConfig tunnel;
    TrafficLedger ledger;
    std::map<std::string, Client::PathView> paths;
    UplinkHistory history;
    TimePoint now{1h};
    TunPort::Counters tun_counters;
    std::vector<RankedUplink> uplinks;
    DataUsage::Usage usage; ///< of every uplink
    std::vector<SubflowView> flows;
    std::optional<Target> via;
    std::string last_error;
    std::optional<Cipher> cipher;
    WorkersView workers;
    bool established = false;
    bool was_up = false;
    bool mptcp = false;
};

} // namespace

TEST_CASE("the overall state follows the session and the uplinks that should carry")
{
    struct Case {
        bool was_up;
        bool established;
        bool second_carries;
        const char* state;
    };
    for (const auto& each :
         {Case{false, false, false, "connecting"}, Case{true, false, false, "down"},
          Case{true, true, true, "up"}, Case{true, true, false, "degraded"}}) {
        CAPTURE(each.state);
        Fixture fixture;
        fixture.add_uplink("wifi", "10.1.0.2");
        fixture.add_uplink("lte", "10.2.0.2");
        fixture.was_up = each.was_up;
        fixture.established = fixture.mptcp = each.established;
        if (each.established) fixture.add_flow("wifi", "10.1.0.2:40000");
        if (each.second_carries) fixture.add_flow("lte", "10.2.0.2:40001");
        CHECK(fixture.status().at("state") == each.state);
    }
}

TEST_CASE("an uplink without a subflow says what is missing")
{
    struct Case {
        const char* name;
        void (*change)(Fixture&, Uplink&);
        const char* state;
        const char* reason;
    };
    for (const auto& each : {
             Case{"absent", [](Fixture&, Uplink&uplink) { uplink.index = 0; }, "down",
                  "no such interface"},
             Case{"no carrier", [](Fixture&, Uplink&uplink) { uplink.running = false; }, "down",
                  "no carrier"},
             Case{"admin down", [](Fixture&, Uplink&uplink) { uplink.up = false; }, "down",
                  "administratively down"},
             Case{"no address", [](Fixture&, Uplink&uplink) { uplink.addresses.clear(); }, "down",
                  "no usable address"},
             Case{"no route", [](Fixture&, Uplink&uplink) { uplink.route_v4 = false; }, "down",
                  "no default route"},
             Case{"silent",
                  [](Fixture&fixture, Uplink&) { fixture.uplinks.back().health = Health::lost; },
                  "lost", "the server does not answer over it"},
             Case{"no session", [](Fixture&fixture, Uplink&) { fixture.established = false; },
                  "connecting", "no session with the server"},
             Case{"plain TCP", [](Fixture&fixture, Uplink&) { fixture.mptcp = false; }, "idle",
                  "the connection fell back to plain TCP, which uses one uplink"},
             Case{"no subflow", [](Fixture&, Uplink&) {}, "connecting", "no subflow yet"},
         }) {
        CAPTURE(each.name);
        Fixture fixture;
        fixture.establish();
        each.change(fixture, fixture.add_uplink("wifi", "10.1.0.2"));
        const json status = fixture.status();
        CHECK(status.at("uplinks").at(0).at("state") == each.state);
        CHECK(status.at("uplinks").at(0).at("reason") == each.reason);
        CHECK(status.at("state") != "up");
    }
}

TEST_CASE("an uplink whose subflow is established is active")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    fixture.add_flow("wifi", "10.1.0.2:40000");
    CHECK(fixture.states() == "wifi active");
    CHECK(fixture.status().at("uplinks").at(0).at("reason") == "carries traffic");
}

TEST_CASE("a limited uplink is active, also while it rests because it has used up its rate")
{
    for (const bool spent : {false, true}) {
        CAPTURE(spent);
        Fixture fixture;
        fixture.establish();
        fixture.add_uplink("wifi", "10.1.0.2");
        fixture.add_uplink("lte", "10.2.0.2");
        fixture.add_flow("wifi", "10.1.0.2:40000");
        fixture.add_flow("lte", "10.2.0.2:40001", spent ? Flag::backup : Flag::normal);
        fixture.uplinks.back().limit_bps = 256'000;
        fixture.uplinks.back().spent = spent;
        CHECK(fixture.states() == "wifi active, lte active");
        CHECK(fixture.status().at("uplinks").at(1).at("reason") ==
              "slowed down: data cap is reached");
    }
}

TEST_CASE("an uplink whose subflow is not established is still connecting")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    fixture.add_flow("wifi", "10.1.0.2:40000").tcp_state = 2;
    CHECK(fixture.states() == "wifi connecting");
    CHECK(fixture.status().at("state") == "degraded");
}

TEST_CASE("a backup stands by while a better uplink works, which is no lack")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    fixture.add_uplink("lte", "10.2.0.2", Priority::backup);
    fixture.add_flow("wifi", "10.1.0.2:40000");
    fixture.add_flow("lte", "10.2.0.2:40001", Flag::backup);
    CHECK(fixture.states() == "wifi active, lte standby");
    CHECK(fixture.status().at("state") == "up");
}

TEST_CASE("a backup carries when no better uplink works")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2").running = false;
    fixture.add_uplink("lte", "10.2.0.2", Priority::backup);
    fixture.add_flow("lte", "10.2.0.2:40001", Flag::backup);
    CHECK(fixture.states() == "wifi down, lte active");
    CHECK(fixture.status().at("uplinks").at(1).at("reason") ==
          "backup, carries traffic because no better uplink works");
    CHECK(fixture.status().at("state") == "degraded");
}

TEST_CASE("a better subflow that is not established does not let a backup stand by")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    fixture.add_uplink("lte", "10.2.0.2", Priority::backup);
    fixture.add_flow("wifi", "10.1.0.2:40000").tcp_state = 2;
    fixture.add_flow("lte", "10.2.0.2:40001", Flag::backup);
    CHECK(fixture.states() == "wifi connecting, lte active");
}

TEST_CASE("an uplink that is never used lacks nothing")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    fixture.add_flow("wifi", "10.1.0.2:40000");
    fixture.add_uplink("dear", "10.2.0.2", Priority::never).running = false;
    CHECK(fixture.states() == "wifi active, dear unused");
    CHECK(fixture.status().at("state") == "up");
}

TEST_CASE("an uplink shows the address in use, else its first one")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2").addresses.push_back(address("10.1.0.3"));
    CHECK(fixture.status().at("uplinks").at(0).at("address") == "10.1.0.2");
    fixture.add_flow("wifi", "10.1.0.3:40000");
    CHECK(fixture.status().at("uplinks").at(0).at("address") == "10.1.0.3");
    fixture.flows.clear();
    fixture.uplinks.front().uplink.addresses.clear();
    CHECK(fixture.status().at("uplinks").at(0).at("address") == "");
}

TEST_CASE("an uplink shows what it carried over the lives of its subflows")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    auto& flow = fixture.add_flow("wifi", "10.1.0.2:40000");
    flow.bytes_sent = 100;
    flow.bytes_received = 10;
    fixture.ledger.update(fixture.flows);
    flow.local.port = 40001;
    flow.bytes_sent = 1;
    flow.rtt_us = 21349;
    fixture.ledger.update(fixture.flows);
    const json uplink = fixture.status().at("uplinks").at(0);
    CHECK(uplink.at("tx_bytes") == 101);
    CHECK(uplink.at("rx_bytes") == 20);
    CHECK(uplink.at("rtt_us") == 21349);
}

TEST_CASE("an uplink shows whether it is metered, its data, and that a cap keeps it out")
{
    Fixture fixture;
    fixture.config.uplinks.listed = {{.interface = "lte",
                                      .metered = true,
                                      .data_cap = DataCap{.daily_bytes = 7},
                                      .at_cap = {.action = AtCap::Action::never}}};
    fixture.usage = {.today_bytes = 7, .cap = DataUsage::Cap::reached};
    fixture.add_uplink("lte", "10.2.0.2", Priority::never); // as priority_of() has it
    const json uplink = fixture.status().at("uplinks").at(0);
    CHECK(uplink.at("metered") == true);
    CHECK(uplink.at("data").at("today_bytes") == 7);
    CHECK(uplink.at("data").at("reached") == true);
    CHECK(uplink.at("state") == "unused");
    CHECK(uplink.at("reason") == "data cap is reached");
}

TEST_CASE("before the first session there is a whole status")
{
    Fixture fixture;
    json status = fixture.status();
    CHECK(status.at("pid").is_number());
    status.erase("pid");
    status.erase("version");
    status.erase("crypto"); // as this host has it
    CHECK(status == json::parse(R"({
        "schema": 1, "role": "client", "state": "connecting", "server": "vpn.example.org:8684",
        "tun": {"name": "braid0", "addresses": ["10.86.0.2/24", "fd86::2/64"], "mtu": 1400},
        "mptcp": false, "cipher": null, "policy": "aggregate", "uplinks": [], "lanes": [],
        "workers": {"configured": "auto", "threads": 0, "in_use": false},
        "dropped_packets": {"queue_full": 0, "unreadable": 0, "refused": 0, "undelivered": 0}})"));
}

TEST_CASE("the server is the address in use when there is one")
{
    Fixture fixture;
    fixture.via = Target{.interface = "wifi", .remote = endpoint("203.0.113.5:8684")};
    CHECK(fixture.status().at("server") == "203.0.113.5:8684");
}

TEST_CASE("the cipher is that of the lane, and each cipher has a library")
{
    Fixture fixture;
    fixture.cipher = Cipher::chacha20_poly1305;
    CHECK(fixture.status().at("cipher") == "chacha20-poly1305");
    const std::string library = fixture.status().at("crypto").at("chacha20-poly1305");
    CHECK(library.starts_with("libsodium "));
}

TEST_CASE("the workers are those of the config, and those that there are")
{
    Fixture fixture;
    fixture.workers = {.wanted = 3, .threads = 2, .in_use = true};
    CHECK(fixture.status().at("workers") ==
          json::parse(R"({"configured": 3, "threads": 2, "in_use": true})"));
}

TEST_CASE("the last error is shown while there is one")
{
    Fixture fixture;
    CHECK_FALSE(fixture.status().contains("last_error"));
    fixture.last_error = "no answer";
    CHECK(fixture.status().at("last_error") == "no answer");
}

TEST_CASE("packets that were dropped are shown by reason")
{
    Fixture fixture;
    fixture.tun_counters = {.unreadable = 1, .refused = 2, .undelivered = 3};
    CHECK(fixture.status().at("dropped_packets") ==
          json{{"queue_full", 0}, {"unreadable", 1}, {"refused", 2}, {"undelivered", 3}});
}

TEST_CASE("an uplink tells how it does, since when, and what its last fail-over cost")
{
    Fixture fixture;
    fixture.establish();
    fixture.add_uplink("wifi", "10.1.0.2");
    fixture.add_flow("wifi", "10.1.0.2:4000");
    fixture.paths["wifi"] = {.rtt = 21ms, .loss = 0.25, .probes_pass = true};
    const UplinkState active{.state = "active", .reason = "", .cause = {}};
    const UplinkState lost{.state = "lost", .reason = "", .cause = "silent_loss"};
    fixture.history.note(fixture.now - 60s, "wifi", active, {});
    fixture.history.note(fixture.now - 20s, "wifi", lost, fixture.now - 20s - 50ms);
    fixture.history.moved(fixture.now - 20s + 11ms, "lte");
    fixture.history.note(fixture.now - 10s, "wifi", active, {});
    const json wifi = fixture.status().at("uplinks").at(0);
    CHECK(wifi.at("rtt_us") == 21'000);
    CHECK(wifi.at("loss") == 0.25);
    CHECK(wifi.at("probes") == true);
    CHECK(wifi.at("since_s") == 10.0);
    CHECK(wifi.at("last_failover") ==
          json{{"reason", "silent_loss"}, {"ago_s", 20.0}, {"gap_ms", 61}});

    fixture.uplinks.back().health = Health::stalled;
    CHECK(fixture.states() == "wifi stalled");
    fixture.add_uplink("lte", "10.2.0.2");
    CHECK(fixture.status().at("uplinks").at(1).at("last_failover").is_null());
}

} // namespace braid
