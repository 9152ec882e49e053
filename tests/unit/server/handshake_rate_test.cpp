#include "server/handshake_rate.hpp"

#include "server/visitor_limit.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <string_view>

using namespace braid;

namespace {

constexpr HandshakeRate::Limits limits{.per_source = 10, .total = 200};
constexpr HandshakeRate::Key key{std::byte{1}, std::byte{2}, std::byte{3}};
constexpr TimePoint start{1h};

Prefix source(std::string_view address)
{
    return VisitorLimit::source_of(Address::parse(address).value());
}

/// One of 65536 sources.
Prefix stranger(unsigned number)
{
    return source("198.51." + std::to_string(number / 256) + "." + std::to_string(number % 256));
}

/// How many of `asked` at one moment are allowed.
unsigned allowed(HandshakeRate& rate, const Prefix& from, unsigned asked, TimePoint now)
{
    unsigned count = 0;
    for (unsigned i = 0; i < asked; ++i) count += rate.allows(from, now);
    return count;
}

} // namespace

TEST_CASE("a source gets four seconds' worth at once and its rate from then on")
{
    HandshakeRate rate{limits, key};
    const auto from = source("192.0.2.1");
    CHECK(allowed(rate, from, 100, start) == 40);
    CHECK(allowed(rate, from, 100, start + 99ms) == 0);
    CHECK(allowed(rate, from, 100, start + 100ms) == 1);
    CHECK(allowed(rate, from, 100, start + 1100ms) == 10);
    CHECK(allowed(rate, from, 100, start + 1h) == 40);
}

TEST_CASE("a source that asks all the time gets its rate, and no less for what was refused")
{
    HandshakeRate rate{limits, key};
    unsigned count = 0;
    for (auto now = start; now < start + 60s; now += 1ms)
        count += rate.allows(source("192.0.2.1"), now);
    CHECK(count == 40 + 599);
}

TEST_CASE("sources do not count against each other, addresses of one IPv6 /64 do")
{
    HandshakeRate rate{{.per_source = 10, .total = 1000}, key};
    CHECK(allowed(rate, source("192.0.2.1"), 100, start) == 40);
    CHECK(allowed(rate, source("192.0.2.2"), 40, start) == 40);
    CHECK(allowed(rate, source("2001:db8::1"), 30, start) == 30);
    CHECK(allowed(rate, source("2001:db8::2"), 30, start) == 10);
    CHECK(allowed(rate, source("2001:db8:0:1::1"), 40, start) == 40);
}

TEST_CASE("all sources together get a second's worth at once and the total rate from then on")
{
    HandshakeRate rate{limits, key};
    const auto from_each = [&](TimePoint now) {
        unsigned count = 0;
        for (unsigned i = 0; i < 1000; ++i) count += rate.allows(stranger(i), now);
        return count;
    };
    CHECK(from_each(start) == 200);
    CHECK(from_each(start + 1ms) == 0);
    CHECK(from_each(start + 500ms) == 100);
    CHECK(from_each(start + 1h) == 200);
}

TEST_CASE("a source beyond its share takes nothing from the others")
{
    HandshakeRate rate{limits, key};
    CHECK(allowed(rate, source("192.0.2.1"), 10000, start) == 40);
    unsigned others = 0;
    for (unsigned i = 0; i < 1000; ++i) others += rate.allows(stranger(i), start);
    CHECK(others == 160);
}

TEST_CASE("what the total refuses is not taken from the source")
{
    HandshakeRate rate{{.per_source = 10, .total = 20}, key};
    for (unsigned i = 0; i < 20; ++i) REQUIRE(rate.allows(stranger(i), start));
    const auto from = source("192.0.2.1");
    CHECK(allowed(rate, from, 100, start) == 0);
    // Had these 100 been taken from its own bucket, that would be empty still.
    CHECK(allowed(rate, from, 5, start + 500ms) == 5);
}

TEST_CASE("sources that take all they can leave some to newcomers, from the first moment on")
{
    HandshakeRate rate{limits, key};
    unsigned kept_out = 0;
    unsigned busy = 0;
    unsigned newcomer = 16;
    for (auto now = start; now < start + 60s; now += 10ms) {
        for (unsigned i = 0; i < 16; ++i) busy += allowed(rate, stranger(i), 5, now);
        if ((now - start) % 200ms == 0s) kept_out += !rate.allows(stranger(newcomer++), now);
    }
    CHECK(kept_out == 0);
    CHECK(busy > 60 * 150); // of 160 a second
}

TEST_CASE("two hundred greedy sources hardly ever keep another one out")
{
    constexpr HandshakeRate::Limits no_total{.per_source = 10, .total = 1'000'000};
    HandshakeRate rate{no_total, key};
    unsigned served = 0;
    for (unsigned i = 0; i < 200; ++i) served += allowed(rate, stranger(i), 100, start);
    CHECK(served > 198 * 40);
    CHECK(served <= 200 * 40);
    unsigned kept_out = 0;
    for (unsigned i = 200; i < 2200; ++i) kept_out += !rate.allows(stranger(i), start);
    CHECK(kept_out <= 6); // 2000 * (1 - (1 - 1/1024)^200)^4 is 2
}

TEST_CASE("who shares cells depends on the key")
{
    constexpr HandshakeRate::Limits no_total{.per_source = 1, .total = 1'000'000};
    const auto kept_out = [&](const HandshakeRate::Key& by) {
        const auto rate = std::make_unique<HandshakeRate>(no_total, by);
        for (unsigned i = 0; i < 2000; ++i) allowed(*rate, stranger(i), 4, start);
        std::string each;
        for (unsigned i = 2000; i < 2100; ++i) each += rate->allows(stranger(i), start) ? '.' : '#';
        return each;
    };
    const auto first = kept_out(key);
    CHECK(first.find('#') != std::string::npos);
    CHECK(first == kept_out(key));
    CHECK(first != kept_out({std::byte{7}}));
}

TEST_CASE("the least and the greatest limits")
{
    HandshakeRate least{{.per_source = 1, .total = 1}, key};
    CHECK(allowed(least, source("192.0.2.1"), 10, start) == 1);
    CHECK(allowed(least, source("192.0.2.1"), 10, start + 999ms) == 0);
    CHECK(allowed(least, source("192.0.2.1"), 10, start + 1s) == 1);
    HandshakeRate greatest{{.per_source = 100'000, .total = 100'000}, key};
    CHECK(allowed(greatest, source("192.0.2.1"), 200'000, start) > 80'000);
}
