#include "common/wire/packet.hpp"

#include "tests/unit/wire/sample_packets.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <string>

using namespace braid;
using namespace braid::test;

namespace {

struct Parsed {
    std::string name;
    Buffer packet;
    std::uint8_t protocol;
    std::uint16_t l4_offset;
    std::uint16_t source_port;
    std::uint16_t destination_port;
    bool fragment = false;
};

const Buffer echo = hex("0800 0000 beef 0001 6162");
const Buffer echo6 = hex("8000 0000 beef 0001 6162");
const Buffer redirect = hex("0500 0000 beef 0001 6162");
const Buffer esp = hex("01020304 00000001");

std::vector<Parsed> well_formed()
{
    const std::uint8_t hop = IPPROTO_HOPOPTS;
    const std::uint8_t options = IPPROTO_DSTOPTS;
    const std::uint8_t fragment = IPPROTO_FRAGMENT;
    return {
        {"IPv4 TCP", ipv4(6, tcp(5)), 6, 20, 4660, 443},
        {"IPv4 TCP behind options", ipv4(6, tcp(5), 0, 60), 6, 60, 4660, 443},
        {"IPv4 UDP", ipv4(17, udp(5)), 17, 20, 5353, 53},
        {"IPv4 UDP-Lite", ipv4(136, udp(5)), 136, 20, 5353, 53},
        {"IPv4 SCTP", ipv4(132, udp(5)), 132, 20, 5353, 53},
        {"IPv4 DCCP", ipv4(33, udp(9)), 33, 20, 5353, 53},
        {"IPv4 ESP has no ports", ipv4(50, esp), 50, 20, 0, 0},
        {"IPv4 echo: its identifier", ipv4(1, echo), 1, 20, 0xbeef, 0},
        {"IPv4 redirect has no identifier", ipv4(1, redirect), 1, 20, 0, 0},
        {"ICMPv6 within IPv4 is not an echo", ipv4(58, echo6), 58, 20, 0, 0},
        {"IPv4 without transport header", ipv4(6, {}), 6, 20, 0, 0},
        {"IPv4 with half a port pair", ipv4(17, hex("14e900")), 17, 20, 0, 0},
        {"IPv4 with the ports alone", ipv4(17, hex("14e90035")), 17, 20, 5353, 53},
        {"IPv4 echo cut before its identifier", ipv4(1, hex("08000000be")), 1, 20, 0, 0},
        {"IPv4 may not be fragmented", ipv4(17, udp(5), 0x4000), 17, 20, 5353, 53},
        {"IPv4 first fragment", ipv4(17, udp(5), 0x2000), 17, 20, 5353, 53, true},
        {"IPv4 middle fragment", ipv4(17, udp(5), 0x2001), 17, 20, 0, 0, true},
        {"IPv4 last fragment", ipv4(17, udp(5), 0x1fff), 17, 20, 0, 0, true},
        {"IPv6 TCP", ipv6(6, tcp(5)), 6, 40, 4660, 443},
        {"IPv6 UDP", ipv6(17, udp(5)), 17, 40, 5353, 53},
        {"IPv6 echo", ipv6(58, echo6), 58, 40, 0xbeef, 0},
        {"ICMPv4 within IPv6 is not an echo", ipv6(1, echo), 1, 40, 0, 0},
        {"IPv6 without payload", ipv6(59, {}), 59, 40, 0, 0},
        {"IPv6 hop-by-hop", ipv6(hop, hex("0600 000000000000") + tcp(5)), 6, 48, 4660, 443},
        {"IPv6 routing, 24 bytes", ipv6(43, hex("1102") + Buffer(22) + udp(5)), 17, 64, 5353, 53},
        {"IPv6 two extensions", ipv6(hop, hex("3c00 000000000000 1101") + Buffer(14) + udp(5)), 17,
         64, 5353, 53},
        {"IPv6 AH, 16 bytes", ipv6(51, hex("0602") + Buffer(14) + tcp(5)), 6, 56, 4660, 443},
        {"IPv6 ends behind an extension", ipv6(options, hex("0600 000000000000")), 6, 48, 0, 0},
        {"IPv6 first fragment", ipv6(fragment, hex("1100 0001 00000007") + udp(5)), 17, 48, 5353,
         53, true},
        {"IPv6 later fragment", ipv6(fragment, hex("1100 0009 00000007") + udp(5)), 17, 48, 0, 0,
         true},
        {"IPv6 atomic fragment", ipv6(fragment, hex("1100 0000 00000007") + udp(5)), 17, 48, 5353,
         53, true},
        {"IPv6 fragment of options: as its later ones",
         ipv6(fragment, hex("3c00 0001 00000007 1100 000000000000") + udp(5)), 60, 48, 0, 0, true},
    };
}

Buffer extension_chain(int headers)
{
    Buffer payload;
    for (int i = 1; i < headers; ++i) payload = payload + hex("3c00 000000000000");
    return ipv6(IPPROTO_DSTOPTS, payload + hex("1100 000000000000") + udp(5));
}

bool is_malformed(Bytes packet)
{
    const auto info = parse_packet(packet);
    return !info && info.error().code == std::errc::protocol_error;
}

} // namespace

TEST_CASE("a well-formed packet yields its protocol, ports and transport header")
{
    for (const auto& expected : well_formed()) {
        CAPTURE(expected.name);
        const auto info = parse_packet(expected.packet);
        REQUIRE(info);
        CHECK(info->protocol == expected.protocol);
        CHECK(info->l4_offset == expected.l4_offset);
        CHECK(info->source_port == expected.source_port);
        CHECK(info->destination_port == expected.destination_port);
        CHECK(info->fragment == expected.fragment);
    }
}

TEST_CASE("addresses and traffic class are those of the header")
{
    const auto v4 = parse_packet(ipv4(6, tcp(0)));
    REQUIRE(v4);
    CHECK(v4->source.text() == "192.0.2.1");
    CHECK(v4->destination.text() == "198.51.100.7");
    CHECK(v4->traffic_class == 0xb8);

    const auto v6 = parse_packet(ipv6(6, tcp(0)));
    REQUIRE(v6);
    CHECK(v6->source.text() == "2001:db8::1");
    CHECK(v6->destination.text() == "2001:db8::7");
    CHECK(v6->traffic_class == 0xb8);
}

TEST_CASE("a packet cut anywhere is malformed")
{
    for (const auto& sample : well_formed()) {
        CAPTURE(sample.name);
        for (std::size_t size = 0; size < sample.packet.size(); ++size)
            CHECK(is_malformed(Bytes{sample.packet}.first(size)));
        CHECK(is_malformed(sample.packet + hex("00")));
    }
}

TEST_CASE("neither version 4 nor 6 is malformed")
{
    for (unsigned version = 0; version < 16; ++version) {
        auto packet = ipv4(6, tcp(100));
        packet[0] = static_cast<std::byte>(version << 4 | 5);
        CHECK(is_malformed(packet) == (version != 4));
    }
}

TEST_CASE("an IPv4 header of less than 20 bytes or more than the packet is malformed")
{
    for (unsigned words = 0; words < 16; ++words) {
        CAPTURE(words);
        auto packet = ipv4(59, Buffer(20));
        packet[0] = static_cast<std::byte>(0x40 | words);
        CHECK(is_malformed(packet) == (words < 5 || words > 10));
    }
}

TEST_CASE("an extension header that reaches beyond the packet is malformed")
{
    constexpr std::array<std::uint8_t, 5> kinds{IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_AH,
                                                IPPROTO_DSTOPTS, IPPROTO_FRAGMENT};
    for (const auto kind : kinds) {
        CAPTURE(kind);
        for (std::size_t size = 0; size < 8; ++size) CHECK(is_malformed(ipv6(kind, Buffer(size))));
    }
    CHECK(is_malformed(ipv6(IPPROTO_ROUTING, hex("1101") + Buffer(13))));
    CHECK(is_malformed(ipv6(IPPROTO_DSTOPTS, hex("11ff") + Buffer(2045))));
    CHECK_FALSE(is_malformed(ipv6(IPPROTO_DSTOPTS, hex("11ff") + Buffer(2046))));
}

TEST_CASE("a chain of extension headers is followed for max_extension_headers")
{
    const auto longest = parse_packet(extension_chain(max_extension_headers));
    REQUIRE(longest);
    CHECK(longest->destination_port == 53);
    CHECK(is_malformed(extension_chain(max_extension_headers + 1)));
}

TEST_CASE("a super-packet may have max_packet_size bytes")
{
    CHECK_FALSE(is_malformed(ipv4(6, tcp(max_packet_size - 40))));
    CHECK_FALSE(is_malformed(ipv6(6, tcp(max_packet_size - 60))));
    CHECK(is_malformed(ipv6(6, tcp(max_packet_size - 59))));
}

TEST_CASE("an IPv6 jumbogram is malformed")
{
    auto packet = ipv6(6, tcp(1000));
    put_u16(packet, 4, 0);
    CHECK(is_malformed(packet));
}

TEST_CASE("an IPv6 packet cannot pass for IPv4 by a mapped address")
{
    const Buffer mapped = hex("00000000000000000000ffff0a000001");
    for (const std::ptrdiff_t offset : {8, 24}) {
        auto packet = ipv6(6, tcp(0));
        std::copy(mapped.begin(), mapped.end(), packet.begin() + offset);
        CHECK(is_malformed(packet));
    }
}
