#include "client/rp_filter.hpp"

#include "tests/unit/netns.hpp"

#include <doctest/doctest.h>

namespace braid {

TEST_CASE("filters whose effective value is strict are to become loose")
{
    const test::PrivateNetns netns;
    const test::Inside inside{netns};
    test::run("ip link add up1 type veth peer name up.2");
    const auto set = [](const std::string& interface, const char* value) {
        REQUIRE(write_sysctl("net/ipv4/conf/" + interface + "/rp_filter", value));
    };
    struct Case {
        const char* all;
        const char* own;
        bool changes;
    };
    for (const auto& each : {Case{"0", "0", false}, Case{"0", "1", true}, Case{"0", "2", false},
                             Case{"1", "0", true}, Case{"1", "1", true}, Case{"1", "2", false},
                             Case{"2", "0", false}, Case{"2", "1", false}}) {
        CAPTURE(each.all);
        CAPTURE(each.own);
        set("all", each.all);
        for (const std::string interface : {"up1", "up.2"}) {
            set(interface, each.own);
            const auto expected =
                each.changes
                    ? std::vector<SysctlValue>{{"net/ipv4/conf/" + interface + "/rp_filter", "2"}}
                    : std::vector<SysctlValue>{};
            CHECK(rp_filter_changes({interface, "absent"}).value() == expected);
        }
    }
}

} // namespace braid
