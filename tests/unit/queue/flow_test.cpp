#include "common/queue/flow.hpp"

#include <doctest/doctest.h>
#include <set>

using namespace braid;

namespace {

const FlowKey key{std::byte{1}, std::byte{2}, std::byte{3}};

PacketInfo info(std::uint16_t source_port = 4660)
{
    return {.source = *Address::parse("192.0.2.1"),
            .destination = *Address::parse("198.51.100.7"),
            .protocol = 17,
            .traffic_class = 0,
            .fragment = false,
            .l4_offset = 20,
            .source_port = source_port,
            .destination_port = 53};
}

} // namespace

TEST_CASE("the hash is SipHash-2-4 of the flow's fields in order")
{
    // Computed independently from the definition of SipHash-2-4.
    CHECK(hash_flow(key, info()) == 0x87d2d282b3db7002);
}

TEST_CASE("packets of one flow share a hash whatever else they differ in")
{
    auto other = info();
    other.l4_offset = 24;
    other.traffic_class = 0xb8;
    CHECK(hash_flow(key, other) == hash_flow(key, info()));
}

TEST_CASE("each field of a flow counts, and so do the direction and the key")
{
    std::set<FlowHash> hashes{hash_flow(key, info()), hash_flow(FlowKey{}, info()),
                              hash_flow(key, info(1))};
    auto changed = info();
    changed.destination_port = 54;
    hashes.insert(hash_flow(key, changed));
    changed = info();
    changed.protocol = 6;
    hashes.insert(hash_flow(key, changed));
    changed = info();
    changed.source = *Address::parse("192.0.2.2");
    hashes.insert(hash_flow(key, changed));
    changed = info();
    std::swap(changed.source, changed.destination);
    hashes.insert(hash_flow(key, changed));
    changed = info();
    changed.source = *Address::parse("c000:201::");
    changed.destination = *Address::parse("c633:6407::");
    hashes.insert(hash_flow(key, changed));
    CHECK(hashes.size() == 8);
}

TEST_CASE("all fragments of a datagram are one flow")
{
    auto first = info();
    first.fragment = true;
    auto later = first;
    later.source_port = 0;
    later.destination_port = 0;
    CHECK(hash_flow(key, first) == hash_flow(key, later));
    CHECK(hash_flow(key, first) != hash_flow(key, info()));
}
