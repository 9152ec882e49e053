#include "common/sys/subflow_binding.hpp"

#include "common/sys/mptcp_pm.hpp"
#include "common/sys/privilege.hpp"
#include "common/sys/seccomp.hpp"
#include "common/sys/sysctl.hpp"
#include "tests/unit/netns.hpp"
#include "tests/unit/sys/in_child.hpp"

#include <doctest/doctest.h>
#include <linux/capability.h>

using namespace braid;
using namespace braid::test;

namespace {

/// Whether this kernel is one that the tests know to bind subflows (6.12 and later do).
bool kernel_binds()
{
    return output_of("uname -r | awk -F. '{ print ($1 > 6 || ($1 == 6 && $2 >= 12)) }'") == "1\n";
}

} // namespace

TEST_CASE("the kernel is asked whether it binds subflows to devices, and is left as it was")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    const auto sysctls = output_of("sysctl net.mptcp");
    const auto tried = try_subflow_binding();
    REQUIRE_MESSAGE(tried, tried.error().text());
    CHECK(*tried == (kernel_binds() ? SubflowBinding::honoured : SubflowBinding::ignored));
    CHECK(output_of("sysctl net.mptcp") == sysctls);
}

TEST_CASE("a host that takes no further subflows still tells")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    REQUIRE(MptcpPm::open().value().set_limits({}));
    const auto tried = try_subflow_binding();
    REQUIRE_MESSAGE(tried, tried.error().text());
    CHECK(*tried == (kernel_binds() ? SubflowBinding::honoured : SubflowBinding::ignored));
}

TEST_CASE("without MPTCP, or with lo down, the binding of subflows is not known")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    SUBCASE("no MPTCP")
    {
        REQUIRE(write_sysctl("net.mptcp.enabled", "0"));
    }
    SUBCASE("lo down")
    {
        run("ip link set lo down");
    }
    CHECK_FALSE(try_subflow_binding());
}

#ifndef BRAID_SANITIZED
TEST_CASE("a daemon that has confined itself can ask how subflows are bound")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    CHECK(in_child([] {
              return keep_capabilities({.effective = {CAP_NET_ADMIN}}) &&
                     install_seccomp_filter() && try_subflow_binding();
          }) == "");
}
#endif
