#include "client/reload.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("equal configs differ in nothing")
{
    const auto change = compare({}, {});
    CHECK(change.live.empty());
    CHECK(change.fixed.empty());
}

TEST_CASE("what can change live is told in a line each")
{
    ClientConfig before;
    ClientConfig after;
    after.policy = Policy::handover;
    after.guard = false;
    after.daemon.log_level = spdlog::level::warn;
    before.routes = {Prefix::parse("10.0.0.0/8").value(), Prefix::parse("::/0").value()};
    after.routes = {Prefix::parse("::/0").value(), Prefix::parse("192.0.2.0/24").value()};
    const auto change = compare(before, after);
    CHECK(change.live == Lines{"policy: aggregate -> handover", "guard: true -> false",
                               "routes: 192.0.2.0/24 added", "routes: 10.0.0.0/8 removed",
                               "log.level: info -> warning"});
    CHECK(change.fixed.empty());
}

TEST_CASE("every change of the uplinks is told")
{
    ClientConfig before;
    before.uplinks.automatic = false;
    before.uplinks.listed = {{.interface = "wifi"}, {.interface = "lte"}, {.interface = "dsl"}};
    ClientConfig after = before;
    CHECK(compare(before, after).live.empty());

    auto& lte = after.uplinks.listed[1];
    lte = {.interface = "lte",
           .priority = Priority::backup,
           .metered = true,
           .data_cap = DataCap{.daily_bytes = 500'000'000},
           .at_cap = {.action = AtCap::Action::never}};
    CHECK(compare(before, after).live ==
          Lines{"uplinks: lte priority primary -> backup", "uplinks: lte metered false -> true",
                "uplinks: lte data_cap none -> daily 500M, reset_day 1",
                "uplinks: lte at_cap backup -> never"});
    lte = {.interface = "lte"};
    std::swap(after.uplinks.listed[0], after.uplinks.listed[1]);
    CHECK(compare(before, after).live == Lines{"uplinks: listed wifi, lte, dsl -> lte, wifi, dsl"});
    after.uplinks = {.automatic = true,
                     .exclude = {"wg*"},
                     .listed = {{.interface = "usb0", .priority = Priority::secondary}}};
    before.uplinks.exclude = {};
    CHECK(compare(before, after).live == Lines{"uplinks: auto false -> true",
                                               "uplinks: exclude none -> wg*",
                                               "uplinks: usb0 priority primary -> secondary",
                                               "uplinks: listed wifi, lte, dsl -> usb0"});
}

TEST_CASE("what needs a restart is named by its keys")
{
    ClientConfig before;
    before.server.endpoints = {{"a", 1}};
    ClientConfig after = before;
    after.server.endpoints.push_back({"b", 2});
    after.server.public_key =
        PublicKey::parse("SERVERSERVERSERVERSERVERSERVERSERVERSERVERA=").value();
    after.identity.private_key_file = "/k";
    after.identity.preshared_key_file = "/p";
    after.tun.name = "vpn0";
    after.source_rules = SourceRulesUse::always;
    after.daemon.kept_file = "/else/data_usage.json";
    after.daemon.user = "nobody";
    after.daemon.control_socket = "/c.sock";
    after.daemon.log_file = "/l";
    after.daemon.workers = 2;
    const auto change = compare(before, after);
    CHECK(change.fixed == Lines{"server.endpoint", "server.public_key", "identity.private_key_file",
                                "identity.preshared_key_file", "tun.name", "source_rules",
                                "state_dir", "user", "control.socket", "log.file", "workers"});
    CHECK(change.live.empty());
}

} // namespace braid
