#include "server/host_setup.hpp"

#include "common/sys/mptcp_pm.hpp"
#include "tests/unit/admin/temp_folder.hpp"
#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <system_error>

using namespace braid;
using namespace braid::test;
using nlohmann::json;

TEST_CASE("a peer that would get all traffic is refused before anything is changed")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    const TempFolder folder;
    for (const std::string_view all : {"0.0.0.0/0", "::/0"}) {
        CAPTURE(all);
        auto state = StateFile::create(folder / "state.json", HostIdentity{}).value();
        ServerConfig config;
        config.tun.name = "braidtest0";
        config.tun.addresses = {Prefix::parse("10.86.0.1/24").value()};
        config.peers.resize(1);
        config.peers[0].name = "laptop";
        config.peers[0].addresses = {Prefix::parse(all).value()};
        const auto refused = set_up_host(config, state);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == std::errc::invalid_argument);
        CHECK(refused.error().what.starts_with("peer laptop: " + std::string{all}));
        CHECK(!refused.error().hint.empty());
        CHECK(state.entries().empty());
    }
}

TEST_CASE("a limit of subflows that was lowered while the daemon runs is told")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    auto pm = MptcpPm::open();
    REQUIRE(pm);
    REQUIRE(pm->set_limits({.subflows = 2}));
    CHECK_FALSE(check_subflow_limit(DaemonState::stopped)); // `start` raises it
    const auto warning = check_subflow_limit(DaemonState::running);
    REQUIRE(warning);
    CHECK(warning->what.find("subflows to 2:") != std::string::npos);
    CHECK(!warning->hint.empty());
    REQUIRE(pm->set_limits({.subflows = wanted_subflows}));
    CHECK_FALSE(check_subflow_limit(DaemonState::running));
}

TEST_CASE("journal entries of a wrong type are passed over")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    CHECK(clean_up_host({json(nullptr), json(7), json::array({1}), json{{"nft_table_of", 7}},
                         json{{"nft_table_of", ""}}, json{{"mptcp_subflows", "2"}},
                         json{{"mptcp_subflows", -1}}, json{{"mptcp_subflows", 4294967298}},
                         json{{"mptcp_subflows", json::object()}}, json{{"sysctl", 1}}}));
}
