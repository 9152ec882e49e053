#include "common/sys/sock_diag.hpp"

#include "common/sys/mptcp_pm.hpp"
#include "common/sys/privilege.hpp"
#include "common/sys/seccomp.hpp"
#include "tests/unit/sys/in_child.hpp"
#include "tests/unit/sys/mptcp_pair.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <linux/capability.h>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

SockDiag open_diag()
{
    auto diag = SockDiag::open();
    REQUIRE(diag);
    return std::move(*diag);
}

std::vector<mptcp::Subflow> subflows(const Fd& fd)
{
    return mptcp::subflows(fd.get()).value();
}

bool soon(const std::function<bool()>& holds)
{
    for (int i = 0; i < 400; ++i) {
        if (holds()) return true;
        ::usleep(5000);
    }
    return false;
}

/// A connection with a second subflow from 10.9.0.2, which the client calls 7.
struct TwoSubflows {
    TwoSubflows() : pair(MptcpPair::connect("10.9.0.1"))
    {
        auto pm = MptcpPm::open();
        REQUIRE(pm);
        REQUIRE(pm->set_limits({.subflows = 8}));
        REQUIRE(pm->create_subflow({.token = mptcp::token(pair.client.get()).value(),
                                    .local_id = 7,
                                    .local = address("10.9.0.2"),
                                    .interface_index = 1,
                                    .remote = pair.remote}));
        REQUIRE(soon([&] { return subflows(pair.server).size() == 2; }));
    }
    /// A subflow of the server's by the client's address.
    [[nodiscard]] mptcp::Subflow at_server(std::string_view client) const
    {
        const auto all = subflows(pair.server);
        const auto found = std::ranges::find(
            all, address(client), [](const mptcp::Subflow& flow) { return flow.remote.address; });
        REQUIRE(found != all.end());
        return *found;
    }

    MptcpPair pair;
};

} // namespace

TEST_CASE("a subflow is found with the ids of its addresses, at either end, IPv4 and IPv6")
{
    enter_private_netns();
    const TwoSubflows two;
    auto diag = open_diag();
    const auto second = two.at_server("10.9.0.2");
    const auto accepted = diag.find(second.local, second.remote);
    REQUIRE(accepted);
    CHECK(accepted->address_ids == SockDiag::AddressIds{.local = 0, .remote = 7});
    CHECK(accepted->interface_index == 0);
    const auto made = diag.find(second.remote, second.local);
    REQUIRE(made);
    CHECK(made->address_ids == SockDiag::AddressIds{.local = 7, .remote = 0});
    const auto first = two.at_server("10.9.0.1");
    const auto initial = diag.find(first.local, first.remote);
    REQUIRE(initial);
    CHECK(initial->address_ids == SockDiag::AddressIds{});

    const auto six = MptcpPair::connect("fd09::1");
    const auto flow = subflows(six.server).at(0);
    CHECK(diag.find(flow.local, flow.remote));
}

TEST_CASE("the device that a socket is bound to is told")
{
    enter_private_netns();
    const auto pair = MptcpPair::connect("10.9.0.1"); // bound to lo
    auto diag = open_diag();
    const auto flow = subflows(pair.client).at(0);
    const auto found = diag.find(flow.local, flow.remote);
    REQUIRE(found);
    CHECK(found->interface_index == 1);
}

TEST_CASE("a destroyed subflow goes, the connection lives on with the other")
{
    enter_private_netns();
    const TwoSubflows two;
    auto diag = open_diag();
    const auto second = two.at_server("10.9.0.2");
    const auto found = diag.find(second.local, second.remote);
    REQUIRE(found);
    REQUIRE(diag.destroy(*found));
    CHECK(soon([&] { return subflows(two.pair.server).size() == 1; }));
    CHECK(soon([&] { return subflows(two.pair.client).size() == 1; }));
    send_byte(two.pair.client.get(), two.pair.server.get());
    send_byte(two.pair.server.get(), two.pair.client.get());
    const auto again = diag.destroy(*found);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == std::errc::no_such_file_or_directory);
}

TEST_CASE("a socket that is bound to a device is destroyed too")
{
    enter_private_netns();
    const auto pair = MptcpPair::connect("10.9.0.1");
    auto diag = open_diag();
    const auto flow = subflows(pair.client).at(0);
    REQUIRE(diag.destroy(flow.local, flow.remote));
    CHECK(soon([&] { return subflows(pair.client).empty(); }));
}

TEST_CASE("a socket that is not there is an error that names it")
{
    enter_private_netns();
    auto diag = open_diag();
    const Endpoint local{address("10.9.0.1"), 1};
    const Endpoint remote{address("10.9.0.2"), 2};
    const auto found = diag.find(local, remote);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == std::errc::no_such_file_or_directory);
    CHECK(found.error().text().starts_with("TCP socket 10.9.0.1:1 to 10.9.0.2:2"));
    CHECK_FALSE(diag.destroy(local, remote));
}

#ifndef BRAID_SANITIZED
TEST_CASE("a daemon that has confined itself can find and destroy a subflow")
{
    enter_private_netns();
    const TwoSubflows two;
    const auto second = two.at_server("10.9.0.2");
    CHECK(in_child([&] {
              if (!keep_capabilities({.effective = {CAP_NET_ADMIN}}) || !install_seccomp_filter())
                  return false;
              auto diag = SockDiag::open();
              return diag && diag->destroy(second.local, second.remote).has_value();
          }) == "");
    CHECK(soon([&] { return subflows(two.pair.server).size() == 1; }));
}
#endif
