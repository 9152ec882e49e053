#include "server/visitor_limit.hpp"

#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <vector>

using namespace braid;

namespace {

using Visit = VisitorLimit::Visit;

Prefix source(std::string_view address)
{
    return VisitorLimit::source_of(Address::parse(address).value());
}

/// `count` visits of one source without a verified hello.
std::vector<Visit> silent(std::size_t count, std::string_view address)
{
    return std::vector<Visit>(count, Visit{source(address)});
}

/// As many sources as visits, none with a verified hello.
std::vector<Visit> silent_of_many(std::size_t count)
{
    std::vector<Visit> visits;
    for (std::size_t i = 0; i < count; ++i)
        visits.push_back({source("198.51.100." + std::to_string(i))});
    return visits;
}

std::vector<Visit> operator+(std::vector<Visit> left, const std::vector<Visit>& right)
{
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

} // namespace

TEST_CASE("an IPv4 address is a source, and so is an IPv6 /64")
{
    CHECK(source("192.0.2.1") != source("192.0.2.2"));
    CHECK(source("::ffff:192.0.2.1") == source("192.0.2.1"));
    CHECK(source("2001:db8::1") == source("2001:db8::ffff:0:0:2"));
    CHECK(source("2001:db8::1") != source("2001:db8:0:1::1"));
    CHECK(source("0.0.0.0") != source("::"));
}

TEST_CASE("while there is room nobody has to go")
{
    const VisitorLimit limit{64};
    const auto newcomer = source("192.0.2.1");
    CHECK(limit.evicted_for(newcomer, {}) == std::nullopt);
    CHECK(limit.evicted_for(newcomer, silent_of_many(63)) == std::nullopt);
    CHECK(limit.evicted_for(newcomer, silent(15, "192.0.2.1")) == std::nullopt);
}

TEST_CASE("of a full house the oldest without a verified hello has to go")
{
    const VisitorLimit limit{64};
    auto present = silent_of_many(64);
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 0);
    present[0].hello_verified = true;
    present[1].hello_verified = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 2);
}

TEST_CASE("when all of a full house have shown a hello the oldest has to go")
{
    const VisitorLimit limit{8};
    auto present = silent_of_many(8);
    for (Visit& visit : present) visit.hello_verified = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 0);
}

TEST_CASE("a source that holds a quarter pushes out its own oldest")
{
    const VisitorLimit limit{64};
    auto present = silent_of_many(3) + silent(16, "192.0.2.1");
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 3);
    CHECK(limit.evicted_for(source("192.0.2.2"), present) == std::nullopt);
    present[3].hello_verified = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 4);
}

TEST_CASE("a source that holds a quarter of verified hellos pushes out its own oldest of them")
{
    const VisitorLimit limit{16};
    auto present = silent_of_many(2) + silent(4, "192.0.2.1");
    for (Visit& visit : present) visit.hello_verified = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 2);
}

TEST_CASE("the addresses of one IPv6 network hold a quarter together")
{
    const VisitorLimit limit{16};
    const auto present = silent(2, "2001:db8::1") + silent(2, "2001:db8::2");
    CHECK(limit.evicted_for(source("2001:db8::3"), present) == 0);
    CHECK(limit.evicted_for(source("2001:db8:0:1::3"), present) == std::nullopt);
}

TEST_CASE("a source may hold four however small the limit, but never more than the limit")
{
    CHECK(VisitorLimit{8}.evicted_for(source("192.0.2.1"), silent(3, "192.0.2.1")) == std::nullopt);
    CHECK(VisitorLimit{8}.evicted_for(source("192.0.2.1"), silent(4, "192.0.2.1")) == 0);
    CHECK(VisitorLimit{2}.evicted_for(source("192.0.2.1"), silent(2, "192.0.2.1")) == 0);
    CHECK(VisitorLimit{1}.evicted_for(source("192.0.2.1"), silent_of_many(1)) == 0);
}
