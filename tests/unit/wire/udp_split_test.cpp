#include "common/wire/udp_split.hpp"

#include "tests/unit/wire/sample_packets.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <ostream>
#include <string>

using namespace braid;
using namespace braid::test;

namespace {

constexpr std::uint32_t mtu = 1500;

Offload segments(std::uint16_t size)
{
    return {.needs_checksum = true, .ecn = false, .gso = Gso::udp, .segment_size = size};
}

Result<std::vector<Buffer>> split(const Offload& offload, const Buffer& packet,
                                  std::uint32_t at_mtu = mtu)
{
    const auto info = parse_packet(packet);
    REQUIRE(info);
    const auto parts = UdpSplit::of(offload, *info, packet, at_mtu);
    if (!parts) return fail(parts.error());
    std::vector<Buffer> datagrams;
    for (std::size_t i = 0; i < parts->count(); ++i) {
        Buffer room(parts->largest());
        const auto datagram = parts->write(i, room);
        CHECK(datagram.data() == room.data());
        datagrams.emplace_back(datagram.begin(), datagram.end());
    }
    return datagrams;
}

std::size_t u16_at(const Buffer& bytes, std::size_t offset)
{
    return std::to_integer<std::size_t>(bytes[offset]) * 256 +
           std::to_integer<std::size_t>(bytes[offset + 1]);
}

/// The bytes as one large number modulo 65535: the sum that checksums are made of. `scale` of
/// the first byte is 256, as it stands at an even place.
std::size_t remainder(Bytes bytes)
{
    std::size_t sum = 0;
    std::size_t scale = 256;
    for (const auto b : bytes) {
        sum = (sum + std::to_integer<std::size_t>(b) * scale) % 65535;
        scale = 257 - scale;
    }
    return sum;
}

std::size_t pseudo_header(const Address& source, const Address& destination, std::size_t length)
{
    return (remainder(source.bytes()) + remainder(destination.bytes()) + 17 + length) % 65535;
}

/// The packet with identification 65535 (IPv4), a payload that counts up, and the sum of the
/// pseudo-header where the UDP checksum belongs, as a kernel hands it out. `destination` is the
/// final one.
Buffer super_packet(Buffer packet, const Address& destination)
{
    const auto info = parse_packet(packet);
    REQUIRE(info);
    const std::size_t start = info->l4_offset;
    auto value = std::uint8_t{1};
    for (auto at = start + udp_header_size; at < packet.size(); ++at)
        packet[at] = std::byte{value++};
    put_u16(packet, start + 6, pseudo_header(info->source, destination, packet.size() - start));
    if (info->source.family() == Family::v4) put_u16(packet, 4, 65535);
    return packet;
}

Buffer super_packet(const Buffer& packet)
{
    const auto info = parse_packet(packet);
    REQUIRE(info);
    return super_packet(packet, info->destination);
}

/// Checks the datagram in itself: lengths, checksums.
void check_whole(const Buffer& datagram, const Address& destination)
{
    const auto info = parse_packet(datagram); // the IP length is the size
    REQUIRE(info);
    const std::size_t start = info->l4_offset;
    const Bytes transport = Bytes{datagram}.subspan(start);
    CHECK(u16_at(datagram, start + 4) == transport.size());
    CHECK(u16_at(datagram, start + 6) != 0);
    const auto pseudo = pseudo_header(info->source, destination, transport.size());
    CHECK((remainder(transport) + pseudo) % 65535 == 0);
    if (info->source.family() == Family::v4) CHECK(remainder(Bytes{datagram}.first(start)) == 0);
}

/// Checks that datagrams make up the packet again, each as large as it has to be.
void check_split(const Buffer& packet, std::uint16_t size, const Address& destination)
{
    const auto datagrams = split(segments(size), packet);
    REQUIRE(datagrams);
    const std::size_t headers = parse_packet(packet)->l4_offset + udp_header_size;
    Buffer payload;
    for (std::size_t i = 0; i < datagrams->size(); ++i) {
        const Buffer& datagram = (*datagrams)[i];
        check_whole(datagram, destination);
        if (i + 1 < datagrams->size()) CHECK(datagram.size() == headers + size);
        if ((packet[0] >> 4) == std::byte{4}) CHECK(u16_at(datagram, 4) == (65535 + i) % 65536);
        payload.insert(payload.end(), datagram.begin() + static_cast<std::ptrdiff_t>(headers),
                       datagram.end());
    }
    CHECK(std::ranges::equal(payload, Bytes{packet}.subspan(headers)));
}

// 99 bytes of payload in segments of 48, as Linux 6.18 gave them to a TUN: whole with
// TUN_F_USO4 and TUN_F_USO6, in pieces without.
const std::string payload_1 = "030a11181f262d343b424950575e656c737a81888f969da4"
                              "abb2b9c0c7ced5dce3eaf1f8ff060d141b222930373e454c";
const std::string payload_2 = "535a61686f767d848b9299a0a7aeb5bcc3cad1d8dfe6edf4"
                              "fb020910171e252c333a41484f565d646b727980878e959c";
const std::string payload_3 = "a3aab1";
const std::string ipv6_addresses =
    "20010db8000000000000000000000001 20010db8000000000000000000000007";

} // namespace

TEST_CASE("an IPv4 super-packet becomes the datagrams that the kernel makes of it")
{
    const auto packet = hex("4500007f0000400040114e32c0000201c6336407 14e90035006becb8" +
                            payload_1 + payload_2 + payload_3);
    const auto datagrams = split(segments(48), packet);
    REQUIRE(datagrams);
    REQUIRE(datagrams->size() == 3);
    CHECK((*datagrams)[0] ==
          hex("4500004c0000400040114e65c0000201c6336407 14e9003500389411" + payload_1));
    CHECK((*datagrams)[1] ==
          hex("4500004c0001400040114e64c0000201c6336407 14e9003500381290" + payload_2));
    CHECK((*datagrams)[2] ==
          hex("4500001f0002400040114e90c0000201c6336407 14e90035000ba9d2" + payload_3));
}

TEST_CASE("an IPv6 super-packet becomes the datagrams that the kernel makes of it")
{
    const auto packet = hex("60000000006b1140" + ipv6_addresses + "14e90035006b5bf6" + payload_1 +
                            payload_2 + payload_3);
    const auto datagrams = split(segments(48), packet);
    REQUIRE(datagrams);
    REQUIRE(datagrams->size() == 3);
    CHECK((*datagrams)[0] ==
          hex("6000000000381140" + ipv6_addresses + "14e90035003824d4" + payload_1));
    CHECK((*datagrams)[1] ==
          hex("6000000000381140" + ipv6_addresses + "14e900350038a352" + payload_2));
    CHECK((*datagrams)[2] ==
          hex("60000000000b1140" + ipv6_addresses + "14e90035000b3a95" + payload_3));
}

TEST_CASE("datagrams are whole whatever the sizes")
{
    struct Case {
        std::size_t payload;
        std::uint16_t segment_size;
        std::size_t count;
    };
    const std::vector<Case> cases{
        {96, 48, 2},      {97, 48, 3},     {49, 48, 2},     {101, 51, 2},    {102, 51, 2},
        {103, 51, 3},     {6144, 48, 128}, {6097, 48, 128}, {2904, 1452, 2}, {65450, 1452, 46},
        {65487, 999, 66}, {1000, 1200, 1}, {48, 48, 1},     {7, 100, 1},     {0, 100, 1},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.payload);
        CAPTURE(sample.segment_size);
        for (const auto& bare : {ipv4(17, udp(sample.payload)), ipv6(17, udp(sample.payload))}) {
            const auto packet = super_packet(bare);
            CHECK(split(segments(sample.segment_size), packet)->size() == sample.count);
            check_split(packet, sample.segment_size, parse_packet(packet)->destination);
        }
    }
}

TEST_CASE("IPv4 options are in every datagram")
{
    const auto packet = super_packet(ipv4(17, udp(1001), 0, 60));
    check_split(packet, 333, parse_packet(packet)->destination);
}

TEST_CASE("IPv6 extension headers are in every datagram")
{
    const auto packet = super_packet(
        ipv6(0, hex("3c00 010400000000 1101 010c000000000000000000000000") + udp(1001)));
    CHECK(parse_packet(packet)->l4_offset == 64);
    check_split(packet, 333, parse_packet(packet)->destination);
}

TEST_CASE("behind a routing header the checksum stays that of the final destination")
{
    const auto final_destination = hex("20010db8000000000000000000000099");
    const auto packet =
        super_packet(ipv6(43, hex("1102 0201 00000000") + final_destination + udp(1001)),
                     Address::from_bytes(final_destination));
    check_split(packet, 333, Address::from_bytes(final_destination));
}

TEST_CASE("a checksum of zero is sent as 0xffff")
{
    for (const auto& bare : {ipv4(17, udp(200)), ipv6(17, udp(200))}) {
        auto packet = super_packet(bare);
        const auto start = parse_packet(packet)->l4_offset;
        // A word of zero makes room for the checksum, which then complements the sum to zero.
        put_u16(packet, start + 8, 0);
        put_u16(packet, start + 8, u16_at(split(segments(100), packet)->front(), start + 6));
        const auto datagrams = split(segments(100), packet);
        CHECK(u16_at(datagrams->front(), start + 6) == 0xffff);
        check_whole(datagrams->front(), parse_packet(packet)->destination);
    }
}

TEST_CASE("what the rebuilt header may not say is not split")
{
    const auto udp4 = ipv4(17, udp(3000));
    struct Case {
        std::string name;
        Offload offload;
        Buffer packet;
    };
    const std::vector<Case> cases{
        {"no GSO", {}, ipv4(17, udp(9))},
        {"a checksum alone", {.needs_checksum = true}, ipv4(17, udp(9))},
        {"TCP segments",
         {.needs_checksum = true, .gso = Gso::tcp4, .segment_size = 1000},
         ipv4(6, tcp(3000))},
        {"TCP", segments(1000), ipv4(6, tcp(3000))},
        {"no checksum", {.gso = Gso::udp, .segment_size = 1000}, udp4},
        {"no segment size", segments(0), udp4},
        {"segments of 47 bytes", segments(47), ipv4(17, udp(96))},
        {"headers of 80 bytes for segments of 53", segments(53),
         ipv6(60, hex("1103 011c") + Buffer(28) + udp(3000))},
        {"segments larger than the MTU", segments(1473), udp4},
        {"a single segment larger than the MTU", segments(3000), udp4},
        {"129 segments", segments(48), ipv4(17, udp(6145))},
        {"fragment", segments(1000), ipv4(17, udp(3000), 0x2000)},
        {"UDP header cut short", segments(1000), ipv4(17, Buffer(7))},
        {"no UDP header", segments(1000), ipv6(17, {})},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const auto datagrams = split(sample.offload, sample.packet);
        REQUIRE_FALSE(datagrams);
        CHECK(datagrams.error().code == std::errc::protocol_error);
    }
}

TEST_CASE("a datagram is as large as the MTU at most")
{
    const auto packet = super_packet(ipv4(17, udp(3000)));
    const auto info = parse_packet(packet);
    CHECK(UdpSplit::of(segments(1472), *info, packet, mtu)->largest() == mtu);
    CHECK(UdpSplit::of(segments(8972), *info, packet, 9000)->largest() == packet.size());
}
