#include "common/sys/ethtool.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>
#include <string>

namespace braid {

TEST_CASE("whether a device puts received packets together is told as it changes")
{
    const test::PrivateNetns netns;
    const test::Inside inside{netns};
    test::run("ip link add lan0 type veth peer name lan0p");
    for (const bool wanted : {false, true, false}) {
        test::run(std::string{"ethtool -K lan0 gro "} + (wanted ? "on" : "off"));
        CHECK(has_receive_offload("lan0").value() == wanted);
    }
}

TEST_CASE("no device, no answer")
{
    const test::PrivateNetns netns;
    const test::Inside inside{netns};
    for (const std::string name : {"absent", "", "a_name_of_16_byte"}) {
        CAPTURE(name);
        CHECK(has_receive_offload(name).error().code == std::errc::no_such_device);
    }
}

} // namespace braid
