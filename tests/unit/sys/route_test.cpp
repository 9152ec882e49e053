#include "common/sys/route.hpp"

#include "common/sys/tun.hpp"
#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <system_error>

using namespace braid;
using namespace braid::test;

namespace {

/// A namespace with a TUN that is up, and another device with an address and a gateway behind it.
struct Fixture {
    Fixture()
    {
        REQUIRE(tun.configure({}, 1500));
        run("ip link add other0 type veth peer name far0");
        run("ip addr add 192.0.2.1/24 dev other0");
        run("ip addr add 2001:db8::1/64 dev other0 nodad");
        run("ip link set far0 up");
        run("ip link set other0 up");
    }
    [[nodiscard]] Status add(std::string_view prefix) const
    {
        return add_route(Prefix::parse(prefix).value(), tun.index());
    }

    PrivateNetns netns;
    Inside inside{netns};
    Tun tun = Tun::open("braidtest0").value();
};

std::string routes_to(const std::string& prefix)
{
    const std::string family = prefix.find(':') == std::string::npos ? "-4" : "-6";
    return output_of("ip " + family + " route show exact " + prefix);
}

} // namespace

TEST_CASE("a route leads into the device, marked as ours")
{
    const Fixture fixture;
    REQUIRE(fixture.add("10.90.0.0/24"));
    REQUIRE(fixture.add("fd90::/64"));
    CHECK(routes_to("10.90.0.0/24").starts_with("10.90.0.0/24 dev braidtest0 proto 86 scope link"));
    CHECK(routes_to("fd90::/64").starts_with("fd90::/64 dev braidtest0 proto 86 "));
}

TEST_CASE("a route of the host's own stays, and the error names it")
{
    const Fixture fixture;
    run("ip route add 10.90.0.0/24 via 192.0.2.254");
    run("ip route add default via 192.0.2.254");
    run("ip route add fd90::/64 via 2001:db8::254");
    for (const std::string prefix : {"10.90.0.0/24", "192.0.2.0/24", "fd90::/64", "0.0.0.0/0"}) {
        CAPTURE(prefix);
        const auto before = routes_to(prefix);
        const auto refused = fixture.add(prefix);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == std::errc::file_exists);
        CHECK(refused.error().text() == "add route " + prefix + ": File exists");
        CHECK(refused.error().hint.starts_with("another route to " + prefix + " exists: "));
        CHECK(routes_to(prefix) == before);
    }
}

TEST_CASE("a route goes with the device")
{
    const PrivateNetns netns;
    const Inside inside{netns};
    {
        auto tun = Tun::open("braidtest0").value();
        REQUIRE(tun.configure({}, 1500));
        REQUIRE(add_route(Prefix::parse("10.90.0.0/24").value(), tun.index()));
    }
    CHECK(routes_to("10.90.0.0/24").empty());
}
