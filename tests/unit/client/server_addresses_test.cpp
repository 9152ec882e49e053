#include "client/server_addresses.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using test::endpoint;

struct Fixture {
    explicit Fixture(std::vector<HostPort> endpoints)
        : addresses(loop, std::move(endpoints), [this] { ++changes; })
    {
    }
    Loop loop;
    int changes = 0;
    ServerAddresses addresses;
};

} // namespace

TEST_CASE("literal addresses are known at once, in the order of the config")
{
    const Fixture fixture{{{"203.0.113.5", 8684}, {"2001:db8::5", 443}, {"198.51.100.1", 1}}};
    CHECK(fixture.addresses.endpoints() == std::vector{endpoint("203.0.113.5:8684"),
                                                       endpoint("[2001:db8::5]:443"),
                                                       endpoint("198.51.100.1:1")});
    CHECK(fixture.addresses.problem().empty());
}

TEST_CASE("literal addresses are not looked up")
{
    Fixture fixture{{{"203.0.113.5", 8684}}};
    fixture.addresses.refresh();
    fixture.loop.run(); // Ends at once: nothing is left to wait for.
    CHECK(fixture.changes == 0);
    CHECK(fixture.addresses.endpoints().size() == 1);
}

TEST_CASE("a name is unknown until its look-up, and then stands at its place")
{
    Fixture fixture{{{"203.0.113.5", 8684}, {"localhost", 443}, {"203.0.113.6", 8684}}};
    CHECK(fixture.addresses.endpoints().size() == 2);
    fixture.addresses.refresh();
    fixture.addresses.refresh(); // One look-up at a time.
    CHECK(fixture.changes == 0);
    fixture.loop.run();
    CHECK(fixture.changes == 1);
    const auto endpoints = fixture.addresses.endpoints();
    REQUIRE(endpoints.size() >= 3);
    CHECK(endpoints[1].address.is_loopback());
    CHECK(endpoints[1].port == 443);
    CHECK(endpoints.back() == endpoint("203.0.113.6:8684"));
}

TEST_CASE("a look-up that fails tells its problem and leaves the other addresses")
{
    const test::PrivateNetns netns; // No question may reach a name server.
    const test::Inside inside{netns};
    Fixture fixture{{{"203.0.113.5", 8684}, {"not a name", 443}}};
    fixture.addresses.refresh();
    fixture.loop.run();
    CHECK(fixture.changes == 1);
    CHECK(fixture.addresses.problem().find("not a name") != std::string::npos);
    CHECK(fixture.addresses.endpoints() == std::vector{endpoint("203.0.113.5:8684")});
}

TEST_CASE("a look-up under way is dropped with its owner")
{
    Loop loop;
    int changes = 0;
    {
        ServerAddresses addresses{loop, {{"localhost", 443}}, [&] { ++changes; }};
        addresses.refresh();
    }
    loop.run();
    CHECK(changes == 0);
}

} // namespace braid
