#include "client/uplink_rank.hpp"

#include <array>
#include <doctest/doctest.h>

namespace braid {

TEST_CASE("a reached data cap lowers an uplink's priority to what at_cap says, and never raises it")
{
    using Action = AtCap::Action;
    struct Case {
        Priority priority;
        Action action;
        Priority at_cap;
    };
    constexpr std::array cases{
        Case{Priority::primary, Action::backup, Priority::backup},
        Case{Priority::never, Action::backup, Priority::never},
        Case{Priority::secondary, Action::never, Priority::never},
        Case{Priority::primary, Action::limit, Priority::primary},
    };
    for (const auto& [priority, action, at_cap] : cases) {
        const UplinkConfig uplink{
            .interface = "lte", .priority = priority, .at_cap = {.action = action}};
        CHECK(priority_of(uplink, DataUsage::Cap::reached) == at_cap);
        CHECK(priority_of(uplink, DataUsage::Cap::within) == priority);
        CHECK(priority_of(uplink, DataUsage::Cap::none) == priority);
    }
}

TEST_CASE("a rate holds when the cap is reached and at_cap says limit, else none")
{
    using Cap = DataUsage::Cap;
    UplinkConfig uplink{.interface = "lte",
                        .at_cap = {.action = AtCap::Action::limit, .rate_bps = 256'000}};
    CHECK(limit_of(uplink, Cap::reached) == 256'000);
    CHECK(limit_of(uplink, Cap::within) == std::nullopt);
    uplink.at_cap.action = AtCap::Action::backup;
    CHECK(limit_of(uplink, Cap::reached) == std::nullopt);
}

TEST_CASE("an interface that is not listed is a plain primary uplink")
{
    const UplinksConfig uplinks{.listed = {{.interface = "lte", .metered = true}}};
    CHECK(uplink_config(uplinks, "lte").metered);
    CHECK(uplink_config(uplinks, "eth0") == UplinkConfig{.interface = "eth0"});
}

TEST_CASE("the selection has what the config says of uplinks")
{
    ClientConfig config;
    config.tun.name = "vpn0";
    config.uplinks = {.automatic = true, .exclude = {"wg*"}, .listed = {{.interface = "lte"}}};
    const auto selection = selection_of(config);
    CHECK(selection.automatic);
    CHECK(selection.exclude == std::vector<std::string>{"wg*"});
    CHECK(selection.interfaces == std::vector<std::string>{"lte"});
    CHECK(selection.own_tun == "vpn0");
}

} // namespace braid
