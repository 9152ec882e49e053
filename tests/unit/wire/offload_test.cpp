#include "common/wire/offload.hpp"

#include "tests/unit/wire/sample_packets.hpp"

#include <cstring>
#include <doctest/doctest.h>
#include <ostream>
#include <string>

using namespace braid;
using namespace braid::test;

namespace {

constexpr std::uint32_t mtu = 1500;

/// struct virtio_net_hdr with its kernel names.
struct Kernel {
    std::uint8_t flags = 0;
    std::uint8_t gso_type = 0;
    std::uint16_t hdr_len = 0;
    std::uint16_t gso_size = 0;
    std::uint16_t csum_start = 0;
    std::uint16_t csum_offset = 0;

    bool operator==(const Kernel&) const = default;
};

VnetHeader vnet(const Kernel& kernel)
{
    VnetHeader header{};
    std::memcpy(header.data(), &kernel, header.size());
    return header;
}

Result<Kernel> rebuild(const Offload& offload, const Buffer& packet, std::uint32_t at_mtu = mtu)
{
    const auto info = parse_packet(packet);
    REQUIRE(info);
    const auto header = rebuild_vnet_header(offload, *info, packet, at_mtu);
    if (!header) return fail(header.error());
    Kernel kernel;
    std::memcpy(&kernel, header->data(), header->size());
    return kernel;
}

Offload segments(Gso gso, std::uint16_t size)
{
    return {.needs_checksum = true, .ecn = false, .gso = gso, .segment_size = size};
}

/// A destination options header of `size` bytes, a multiple of 8 up to 2048.
Buffer extension(std::uint8_t next_header, std::size_t size)
{
    Buffer header(size);
    header[0] = static_cast<std::byte>(next_header);
    header[1] = static_cast<std::byte>(size / 8 - 1);
    return header;
}

const Offload plain{};
const Offload checksum{.needs_checksum = true};

} // namespace

TEST_CASE("the kernel's header is described")
{
    struct Case {
        std::string name;
        Kernel kernel;
        Offload offload;
    };
    const std::vector<Case> cases{
        {"nothing", {}, plain},
        {"a verified checksum says nothing", {.flags = 2}, plain},
        {"header length without GSO says nothing", {.hdr_len = 54, .gso_size = 7}, plain},
        {"TCP checksum", {.flags = 1, .csum_start = 20, .csum_offset = 16}, checksum},
        {"UDP checksum", {.flags = 1, .csum_start = 40, .csum_offset = 6}, checksum},
        {"TCP over IPv4", {1, 1, 52, 1448, 20, 16}, segments(Gso::tcp4, 1448)},
        {"TCP over IPv6", {3, 4, 72, 1428, 40, 16}, segments(Gso::tcp6, 1428)},
        {"UDP", {1, 5, 28, 1200, 20, 6}, segments(Gso::udp, 1200)},
        {"TCP with ECN",
         {1, 0x81, 52, 1448, 20, 16},
         {.needs_checksum = true, .ecn = true, .gso = Gso::tcp4, .segment_size = 1448}},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const auto described = describe_offload(vnet(sample.kernel));
        REQUIRE(described);
        CHECK(*described == sample.offload);
    }
}

TEST_CASE("what the protocol cannot carry is not described")
{
    struct Case {
        std::string name;
        Kernel kernel;
    };
    const std::vector<Case> cases{
        {"UFO", {1, 3, 28, 1200, 20, 6}},
        {"unknown type", {1, 2, 28, 1200, 20, 6}},
        {"a tunnel's GSO bits", {1, 0x21, 52, 1448, 20, 16}},
        {"ECN without GSO", {0, 0x80, 0, 0, 0, 0}},
        {"UDP with ECN", {1, 0x85, 28, 1200, 20, 6}},
        {"GSO without checksum", {0, 1, 52, 1448, 20, 16}},
        {"GSO with a verified checksum", {2, 1, 52, 1448, 20, 16}},
        {"GSO without size", {1, 1, 52, 0, 20, 16}},
        {"SCTP's CRC", {1, 0, 0, 0, 20, 8}},
        {"ICMPv6's checksum", {1, 0, 0, 0, 40, 2}},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const auto described = describe_offload(vnet(sample.kernel));
        REQUIRE_FALSE(described);
        CHECK(described.error().code == std::errc::not_supported);
    }
}

TEST_CASE("a checksum elsewhere than in the transport header is not described")
{
    struct Case {
        std::string name;
        Buffer packet;
        Kernel kernel;
        bool described;
    };
    const std::vector<Case> cases{
        {"TCP", ipv4(6, tcp(9)), {1, 0, 0, 0, 20, 16}, true},
        {"UDP over IPv6", ipv6(17, udp(9)), {1, 0, 0, 0, 40, 6}, true},
        {"no checksum to complete", ipv4(50, udp(9)), {0, 0, 0, 0, 0, 0}, true},
        {"inner TCP", ipv4(47, tcp(60)), {1, 0, 0, 0, 44, 16}, false},
        {"inner TCP of UDP", ipv4(17, udp(60)), {1, 0, 0, 0, 48, 16}, false},
        {"DCCP", ipv4(33, udp(9)), {1, 0, 0, 0, 20, 6}, false},
        {"UFO", ipv4(17, udp(9)), {1, 3, 28, 1200, 20, 6}, false},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const auto info = parse_packet(sample.packet);
        REQUIRE(info);
        CHECK(describe_offload(vnet(sample.kernel), *info).has_value() == sample.described);
    }
}

TEST_CASE("the header is rebuilt from the packet")
{
    struct Case {
        std::string name;
        Offload offload;
        Buffer packet;
        Kernel kernel;
    };
    const Buffer options = hex("0600 000000000000");
    const Offload ecn{.needs_checksum = true, .ecn = true, .gso = Gso::tcp4, .segment_size = 1448};
    const std::vector<Case> cases{
        {"no offload", plain, ipv4(6, tcp(1460)), {}},
        {"no offload of any protocol", plain, ipv6(59, {}), {}},
        {"no offload of a fragment", plain, ipv4(17, udp(9), 0x2000), {}},
        {"TCP checksum", checksum, ipv4(6, tcp(9)), {1, 0, 40, 0, 20, 16}},
        {"TCP checksum, options", checksum, ipv4(6, tcp(9, 60), 0, 24), {1, 0, 84, 0, 24, 16}},
        {"UDP checksum", checksum, ipv6(17, udp(0)), {1, 0, 48, 0, 40, 6}},
        {"TCP over IPv4",
         segments(Gso::tcp4, 1448),
         ipv4(6, tcp(60000, 32)),
         {1, 1, 52, 1448, 20, 16}},
        {"TCP over IPv6",
         segments(Gso::tcp6, 1428),
         ipv6(6, tcp(60000, 32)),
         {1, 4, 72, 1428, 40, 16}},
        {"TCP over IPv6 with options",
         segments(Gso::tcp6, 1420),
         ipv6(60, options + tcp(60000, 32)),
         {1, 4, 80, 1420, 48, 16}},
        {"UDP over IPv4", segments(Gso::udp, 1200), ipv4(17, udp(6300)), {1, 5, 28, 1200, 20, 6}},
        {"UDP over IPv6", segments(Gso::udp, 1200), ipv6(17, udp(6300)), {1, 5, 48, 1200, 40, 6}},
        {"ECN", ecn, ipv4(6, tcp(2000)), {1, 0x81, 40, 1448, 20, 16}},
        {"a single segment is no GSO", ecn, ipv4(6, tcp(1448)), {1, 0, 40, 0, 20, 16}},
        {"a small single segment",
         segments(Gso::udp, 100),
         ipv4(17, udp(100)),
         {1, 0, 28, 0, 20, 6}},
        {"no payload is no GSO", segments(Gso::tcp4, 1448), ipv4(6, tcp(0)), {1, 0, 40, 0, 20, 16}},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const auto rebuilt = rebuild(sample.offload, sample.packet);
        REQUIRE(rebuilt);
        CHECK(*rebuilt == sample.kernel);
    }
}

TEST_CASE("a description that cannot be true is refused")
{
    auto short_tcp_header = tcp(3000);
    short_tcp_header[12] = std::byte{0x40};
    auto long_tcp_header = tcp(0);
    long_tcp_header[12] = std::byte{0x60};
    const Buffer tcp4 = ipv4(6, tcp(3000));
    const Buffer tcp6 = ipv6(6, tcp(3000));
    const Buffer udp4 = ipv4(17, udp(3000));
    const Buffer fragment6 = ipv6(44, hex("0600 0001 00000007") + tcp(3000));
    struct Case {
        std::string name;
        Offload offload;
        Buffer packet;
    };
    const std::vector<Case> cases{
        {"TCPV6 on IPv4", segments(Gso::tcp6, 1400), tcp4},
        {"TCPV4 on IPv6", segments(Gso::tcp4, 1400), tcp6},
        {"TCPV4 on UDP", segments(Gso::tcp4, 1400), udp4},
        {"UDP_L4 on TCP", segments(Gso::udp, 1400), tcp4},
        {"TCPV4 on ESP", segments(Gso::tcp4, 1400), ipv4(50, tcp(3000))},
        {"unknown kind", segments(Gso{4}, 1400), tcp4},
        {"GSO without size", segments(Gso::tcp4, 0), tcp4},
        {"size without GSO", {.needs_checksum = true, .segment_size = 1400}, ipv4(6, tcp(9))},
        {"GSO without checksum", {.gso = Gso::tcp4, .segment_size = 1400}, tcp4},
        {"one segment without checksum", {.gso = Gso::tcp4, .segment_size = 1400}, ipv4(6, tcp(9))},
        {"ECN without GSO", {.needs_checksum = true, .ecn = true}, ipv4(6, tcp(9))},
        {"ECN of UDP",
         {.needs_checksum = true, .ecn = true, .gso = Gso::udp, .segment_size = 1400},
         udp4},
        {"segments of 1 byte", segments(Gso::tcp4, 1), tcp4},
        {"two segments of 8 bytes", segments(Gso::tcp4, 8), ipv4(6, tcp(16))},
        {"IPv4 first fragment", segments(Gso::tcp4, 1400), ipv4(6, tcp(3000), 0x2000)},
        {"IPv4 later fragment", segments(Gso::tcp4, 1400), ipv4(6, tcp(3000), 0x0010)},
        {"IPv6 fragment", segments(Gso::tcp6, 1400), fragment6},
        {"checksum of a fragment", checksum, ipv4(17, udp(9), 0x2000)},
        {"checksum of SCTP", checksum, ipv4(132, tcp(9))},
        {"checksum of ICMPv6", checksum, ipv6(58, tcp(9))},
        {"checksum of DCCP", checksum, ipv4(33, tcp(9))},
        {"TCP header of 16 bytes", segments(Gso::tcp4, 1400), ipv4(6, short_tcp_header)},
        {"TCP header beyond the packet", checksum, ipv4(6, long_tcp_header)},
        {"TCP header cut short", checksum, ipv4(6, Buffer(19))},
        {"UDP header cut short", checksum, ipv4(17, Buffer(7))},
        {"no transport header", checksum, ipv6(17, {})},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const auto rebuilt = rebuild(sample.offload, sample.packet);
        REQUIRE_FALSE(rebuilt);
        CHECK(rebuilt.error().code == std::errc::protocol_error);
    }
}

TEST_CASE("segments have 48 bytes to what the MTU leaves behind the headers")
{
    const auto small = ipv4(6, tcp(2000, 32));
    CHECK_FALSE(rebuild(segments(Gso::tcp4, 47), small));
    CHECK(rebuild(segments(Gso::tcp4, 48), small));
    CHECK_FALSE(rebuild(segments(Gso::udp, 47), ipv6(17, udp(2000))));
    CHECK(rebuild(segments(Gso::udp, 48), ipv6(17, udp(2000))));

    const auto tcp4 = ipv4(6, tcp(20000, 32));
    CHECK(rebuild(segments(Gso::tcp4, 1448), tcp4));
    CHECK_FALSE(rebuild(segments(Gso::tcp4, 1449), tcp4));
    CHECK(rebuild(segments(Gso::tcp4, 8948), tcp4, 9000));
    CHECK_FALSE(rebuild(segments(Gso::tcp4, 500), tcp4, 551));
}

TEST_CASE("headers repeated in each segment are at most one and a half times its payload")
{
    struct Case {
        std::string name;
        Gso gso;
        Buffer packet;
        std::uint16_t least; ///< segment size that is just allowed
    };
    const std::vector<Case> cases{
        {"UDP over IPv6: H 48", Gso::udp, ipv6(17, udp(3000)), 48},
        {"UDP over IPv4 with all options: H 68", Gso::udp, ipv4(17, udp(3000), 0, 60), 48},
        {"TCP over IPv4 with time stamps: H 52", Gso::tcp4, ipv4(6, tcp(3000, 32)), 48},
        {"TCP over IPv6 with time stamps: H 72", Gso::tcp6, ipv6(6, tcp(3000, 32)), 48},
        {"TCP over IPv6, 4 bytes more: H 76", Gso::tcp6, ipv6(6, tcp(3000, 36)), 51},
        {"TCP over IPv4 with all TCP options: H 80", Gso::tcp4, ipv4(6, tcp(3000, 60)), 54},
        {"TCP over IPv6 with all TCP options: H 100", Gso::tcp6, ipv6(6, tcp(3000, 60)), 67},
        {"TCP over IPv4 with all options: H 120", Gso::tcp4, ipv4(6, tcp(3000, 60), 0, 60), 80},
        {"UDP behind extensions: H 512", Gso::udp, ipv6(60, extension(17, 464) + udp(3000)), 342},
        {"TCP behind extensions: H 900", Gso::tcp6, ipv6(60, extension(6, 840) + tcp(3000)), 600},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        CHECK(rebuild(segments(sample.gso, sample.least), sample.packet));
        const auto below = static_cast<std::uint16_t>(sample.least - 1);
        CHECK_FALSE(rebuild(segments(sample.gso, below), sample.packet));
    }
}

TEST_CASE("a packet filled up with extension headers is not cut into small segments")
{
    // Headers and segment make up the MTU: there would be 25 bytes out for each byte in.
    const auto bomb = ipv6(60, extension(6, 1376) + tcp(48 * 128, 36));
    CHECK_FALSE(rebuild(segments(Gso::tcp6, 48), bomb));
    CHECK(rebuild(checksum, ipv6(60, extension(6, 1376) + tcp(48, 36))));
    CHECK(rebuild(segments(Gso::tcp6, 48), ipv6(60, extension(6, 1376) + tcp(48, 36))));
}

TEST_CASE("what is cut up is less than 2.5 times what came")
{
    struct Case {
        std::string name;
        Gso gso;
        std::size_t headers;
        std::size_t payload;
        Buffer packet;
    };
    const std::vector<Case> cases{
        {"H 72", Gso::tcp6, 72, 6097, ipv6(6, tcp(6097, 32))},
        {"H 120", Gso::tcp4, 120, 10161, ipv4(6, tcp(10161, 60), 0, 60)},
        {"H 756", Gso::tcp6, 756, 64009, ipv6(60, extension(6, 696) + tcp(64009))},
        {"two segments", Gso::tcp6, 72, 49, ipv6(6, tcp(49, 32))},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.name);
        const std::size_t size = sample.headers * 2 / 3;
        REQUIRE(rebuild(segments(sample.gso, narrow<std::uint16_t>(size)), sample.packet));
        const std::size_t count = (sample.payload + size - 1) / size;
        const std::size_t emitted = sample.payload + count * sample.headers;
        CHECK(emitted * 2 < sample.packet.size() * 5);
    }
}

TEST_CASE("there are at most 128 segments")
{
    CHECK(rebuild(segments(Gso::udp, 48), ipv4(17, udp(6144))));
    CHECK_FALSE(rebuild(segments(Gso::udp, 48), ipv4(17, udp(6145))));
    CHECK(rebuild(segments(Gso::udp, 500), ipv4(17, udp(64000))));
    CHECK_FALSE(rebuild(segments(Gso::udp, 500), ipv4(17, udp(64001))));
}

TEST_CASE("a packet that is not cut up is at most as large as the MTU")
{
    CHECK(rebuild(plain, ipv4(6, tcp(1460))));
    CHECK_FALSE(rebuild(plain, ipv4(6, tcp(1461))));
    CHECK(rebuild(checksum, ipv4(6, tcp(1460))));
    CHECK_FALSE(rebuild(checksum, ipv4(6, tcp(1461))));
    CHECK_FALSE(rebuild(segments(Gso::tcp4, 3000), ipv4(6, tcp(3000))));
}

TEST_CASE("what the kernel says of a whole packet comes back the same at the peer")
{
    const Kernel kernel{1, 1, 52, 1448, 20, 16};
    const auto packet = ipv4(6, tcp(65483, 32));
    const auto offload = describe_offload(vnet(kernel));
    REQUIRE(offload);
    const auto rebuilt = rebuild(*offload, packet);
    REQUIRE(rebuilt);
    CHECK(*rebuilt == kernel);
}
