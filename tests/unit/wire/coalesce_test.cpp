#include "common/wire/coalesce.hpp"

#include "tests/unit/wire/segmentation.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

std::optional<Segment> segment_of(const Buffer& packet, const Offload& offload = {},
                                  bool checksum_is_good = false)
{
    const auto info = parse_packet(packet);
    REQUIRE(info);
    return Segment::of(offload, *info, packet, checksum_is_good);
}

/// Whether `next` may follow `first`.
bool joins(const Buffer& first, const Buffer& next)
{
    const auto one = segment_of(first);
    const auto other = segment_of(next);
    REQUIRE(one);
    return other && Coalesced{*one}.takes(*other, next, first);
}

/// A change of a packet, with its checksums completed anew.
Buffer changed(Buffer packet, const std::function<void(Buffer&)>& change)
{
    const std::size_t identification = u16_at(packet, 4);
    change(packet);
    return completed(std::move(packet), identification);
}

} // namespace

TEST_CASE("packets that follow each other become one, from which the same packets are cut")
{
    for (const bool v4 : {true, false}) {
        for (const bool is_udp : {true, false}) {
            CAPTURE(v4);
            CAPTURE(is_udp);
            PacketSource source{.v4 = v4, .is_udp = is_udp};
            std::vector<Buffer> packets;
            for (int i = 0; i < 10; ++i) packets.push_back(source.next(1400));
            packets.push_back(source.next(333, 0x18)); // ACK and PSH

            Buffer room(Coalesced::most_bytes);
            std::ranges::copy(packets.front(), room.begin());
            Coalesced joined{*segment_of(packets.front())};
            for (std::size_t i = 1; i < packets.size(); ++i) {
                const auto next = segment_of(packets[i]);
                REQUIRE(next);
                REQUIRE(joined.takes(*next, packets[i], MutBytes{room}.first(joined.size())));
                joined.append(*next, packets[i], room);
            }
            CHECK(joined.closed());
            CHECK(joined.count() == packets.size());
            room.resize(joined.size());
            const auto offload = joined.finish(parse_packet(packets.front()).value(), room);
            CHECK(offload.segment_size == 1400);
            CHECK(cut(room, offload) == packets);
        }
    }
}

TEST_CASE("what has other headers, or does not follow, does not join")
{
    PacketSource tcp;
    const Buffer first = tcp.next(1000);
    const Buffer next = tcp.next(1000);
    CHECK(joins(first, next));
    CHECK(joins(first, changed(next, [](Buffer& p) { p[33] = std::byte{0x18}; }))); // PSH
    CHECK(!joins(first, tcp.next(1000)));                                           // a gap
    CHECK(!joins(first, first));                                                    // a repetition
    struct Field {
        std::string name;
        std::size_t at;
    };
    const std::vector<Field> fields = {
        {"traffic class", 1}, {"time to live", 8},    {"source", 15},
        {"destination", 19},  {"source port", 21},    {"ACK number", 31},
        {"window", 35},       {"urgent pointer", 39}, {"options", 45}};
    for (const Field& field : fields) {
        CAPTURE(field.name);
        CHECK(!joins(first, changed(next, [&](Buffer& p) { p[field.at] ^= std::byte{1}; })));
    }

    PacketSource udp6{.v4 = false, .is_udp = true};
    const Buffer datagram = udp6.next(1000);
    CHECK(joins(datagram, udp6.next(1000)));
    CHECK(joins(datagram, udp6.next(999)));
    CHECK(!joins(datagram, udp6.next(1001)));
    for (const std::size_t at : {1u, 3u, 7u, 23u, 39u, 41u, 43u}) {
        CAPTURE(at);
        CHECK(
            !joins(datagram, changed(udp6.next(1000), [=](Buffer& p) { p[at] ^= std::byte{1}; })));
    }
}

TEST_CASE("a shorter segment and PSH are the last, and there are bounds of bytes and number")
{
    PacketSource source;
    const Buffer first = source.next(1000);
    const Buffer shorter = source.next(999);
    const Buffer after = source.next(999);
    Buffer room(Coalesced::most_bytes);
    std::ranges::copy(first, room.begin());
    Coalesced joined{*segment_of(first)};
    joined.append(*segment_of(shorter), shorter, room);
    CHECK(joined.closed());
    CHECK(!joined.takes(*segment_of(after), after, MutBytes{room}.first(joined.size())));
    CHECK(Coalesced{*segment_of(source.next(1000, 0x18))}.closed());

    for (const std::size_t size : {1448u, 64u}) {
        PacketSource many{.is_udp = true};
        const Buffer one = many.next(size);
        std::ranges::copy(one, room.begin());
        Coalesced grows{*segment_of(one)};
        for (;;) {
            const Buffer next = many.next(size);
            if (!grows.takes(*segment_of(next), next, MutBytes{room}.first(grows.size()))) break;
            grows.append(*segment_of(next), next, room);
        }
        CHECK(grows.count() == (size == 64 ? max_segments : 11));
    }
}

TEST_CASE("what is not plain TCP or UDP with a right checksum goes as it is")
{
    PacketSource tcp;
    const Buffer good = tcp.next(1000);
    CHECK(segment_of(good));
    for (const unsigned flags :
         {0x00u, 0x02u, 0x11u, 0x14u, 0x30u, 0x90u}) // SYN, FIN, RST, URG, CWR
        CHECK(!segment_of(tcp.next(1000, static_cast<std::uint8_t>(flags))));
    CHECK(segment_of(tcp.next(1000, 0x50))); // ECE
    CHECK(!segment_of(tcp.next(0)));
    CHECK(!segment_of(tcp.next(min_segment_size - 1)));
    CHECK(!segment_of(changed(good, [](Buffer& p) { p[6] = std::byte{0}; }))); // may be fragmented
    CHECK(!segment_of(changed(good, [](Buffer& p) { p[6] = std::byte{0x60}; }))); // more fragments
    const Offload super{
        .needs_checksum = true, .ecn = false, .gso = Gso::tcp4, .segment_size = 500};
    CHECK(!segment_of(good, super));

    Buffer bad = good;
    bad.back() ^= std::byte{1};
    CHECK(!segment_of(bad));
    CHECK(segment_of(bad, {}, true)); // its sender had it checked
    CHECK(segment_of(bad, {.needs_checksum = true, .ecn = false, .gso = Gso::none}));

    PacketSource udp{.is_udp = true};
    Buffer without = udp.next(100);
    CHECK(segment_of(without));
    put_u16(without, 26, 0);
    CHECK(!segment_of(without));
    Buffer padded = udp.next(100);
    put_u16(padded, 24, 107);
    CHECK(!segment_of(padded, {}, true));
    CHECK(!segment_of(ipv4(IPPROTO_ICMP, udp.next(100), 0x4000)));
}
