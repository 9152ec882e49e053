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

/// `count` visits of one source whose keys are not known.
std::vector<Visit> silent(std::size_t count, std::string_view address)
{
    return std::vector<Visit>(count, Visit{source(address)});
}

/// As many sources as visits, none with known keys.
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
    const VisitorLimit limit{{.in_all = 64, .per_source = 16}};
    const auto newcomer = source("192.0.2.1");
    CHECK(limit.evicted_for(newcomer, {}) == std::nullopt);
    CHECK(limit.evicted_for(newcomer, silent_of_many(63)) == std::nullopt);
    CHECK(limit.evicted_for(newcomer, silent(15, "192.0.2.1")) == std::nullopt);
}

TEST_CASE("of a full house the oldest whose keys are not known has to go")
{
    const VisitorLimit limit{{.in_all = 64, .per_source = 16}};
    auto present = silent_of_many(64);
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 0);
    present[0].keys_known = true;
    present[1].keys_known = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 2);
}

TEST_CASE("of a full house the oldest of the larger group has to go")
{
    const VisitorLimit limit{{.in_all = 8, .per_source = 4}};
    auto present = silent_of_many(8);
    for (std::size_t i = 1; i < 5; ++i) present[i].keys_known = true; // 4 and 4
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 0);
    present[5].keys_known = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 1);
    for (Visit& visit : present) visit.keys_known = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 0);
}

TEST_CASE("a source that holds its share pushes out its own oldest")
{
    const VisitorLimit limit{{.in_all = 64, .per_source = 16}};
    auto present = silent_of_many(3) + silent(16, "192.0.2.1");
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 3);
    CHECK(limit.evicted_for(source("192.0.2.2"), present) == std::nullopt);
    present[3].keys_known = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 4);
}

TEST_CASE("a source that holds its share of known keys pushes out its own oldest of them")
{
    const VisitorLimit limit{{.in_all = 16, .per_source = 4}};
    auto present = silent_of_many(2) + silent(4, "192.0.2.1");
    for (Visit& visit : present) visit.keys_known = true;
    CHECK(limit.evicted_for(source("192.0.2.1"), present) == 2);
}

TEST_CASE("the addresses of one IPv6 network hold one share together")
{
    const VisitorLimit limit{{.in_all = 16, .per_source = 4}};
    const auto present = silent(2, "2001:db8::1") + silent(2, "2001:db8::2");
    CHECK(limit.evicted_for(source("2001:db8::3"), present) == 0);
    CHECK(limit.evicted_for(source("2001:db8:0:1::3"), present) == std::nullopt);
}

TEST_CASE("the least bounds let one in at a time")
{
    const VisitorLimit one{{.in_all = 1, .per_source = 1}};
    CHECK(one.evicted_for(source("192.0.2.1"), {}) == std::nullopt);
    CHECK(one.evicted_for(source("192.0.2.1"), silent_of_many(1)) == 0);
    const VisitorLimit one_each{{.in_all = 3, .per_source = 1}};
    const auto present = silent_of_many(1) + silent(1, "192.0.2.1");
    CHECK(one_each.evicted_for(source("192.0.2.1"), present) == 1);
    CHECK(one_each.evicted_for(source("192.0.2.2"), present) == std::nullopt);
}

TEST_CASE("a source may hold all where the bounds are the same")
{
    const VisitorLimit limit{{.in_all = 4, .per_source = 4}};
    CHECK(limit.evicted_for(source("192.0.2.1"), silent(3, "192.0.2.1")) == std::nullopt);
    CHECK(limit.evicted_for(source("192.0.2.1"), silent(4, "192.0.2.1")) == 0);
}
