#include "common/sys/sysctl.hpp"

#include "tests/unit/sys/private_netns.hpp"

#include <doctest/doctest.h>

using namespace braid;
using namespace braid::test;

TEST_CASE("a sysctl is read as written, without its final newline")
{
    enter_private_netns();
    for (const auto* value : {"1", "0", "1"}) {
        REQUIRE(write_sysctl("net.ipv4.ip_forward", value));
        CHECK(read_sysctl("net.ipv4.ip_forward").value() == value);
    }
}

TEST_CASE("a name with slashes is a path, for interfaces with dots")
{
    enter_private_netns();
    REQUIRE(write_sysctl("net/ipv4/conf/lo/rp_filter", "2"));
    CHECK(read_sysctl("net.ipv4.conf.lo.rp_filter").value() == "2");
}

TEST_CASE("an unknown sysctl is named in the error")
{
    for (const auto& failed : {read_sysctl("net.ipv4.no_such_thing").error(),
                               write_sysctl("net.ipv4.no_such_thing", "1").error()}) {
        CHECK(failed.code == std::errc::no_such_file_or_directory);
        CHECK(failed.text().find("net.ipv4.no_such_thing: No such file") != std::string::npos);
        CHECK(!failed.hint.empty());
    }
}

TEST_CASE("a value that the kernel refuses is named in the error")
{
    enter_private_netns();
    const auto refused = write_sysctl("net.ipv4.ip_forward", "maybe");
    REQUIRE(!refused);
    CHECK(refused.error().text() ==
          "write 'maybe' to sysctl net.ipv4.ip_forward: Invalid argument");
}

TEST_CASE("a name cannot lead out of the tree of settings")
{
    for (const auto* name : {"", "/etc/passwd", "../version", "net/../../version"}) {
        CAPTURE(name);
        const auto refused = read_sysctl(name);
        REQUIRE(!refused);
        CHECK(refused.error().code == std::errc::invalid_argument);
    }
    CHECK(!read_sysctl(std::string_view{"net.ipv4\0x", 10}));
}
