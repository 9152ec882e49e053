#include "common/sys/tun.hpp"

#include "common/sys/netlink_attribute.hpp"
#include "common/sys/sysctl.hpp"
#include "tests/unit/sys/as_nobody.hpp"
#include "tests/unit/sys/private_netns.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

constexpr std::array<std::byte, Tun::vnet_header_size> plain_header{};

Tun open_tun(std::string_view name = "braidtest0")
{
    enter_private_netns();
    auto tun = Tun::open(name);
    REQUIRE_MESSAGE(tun, (tun ? "" : tun.error().text()));
    return std::move(*tun);
}

std::vector<Prefix> prefixes(const std::vector<std::string_view>& texts)
{
    std::vector<Prefix> list;
    list.reserve(texts.size());
    for (const auto text : texts) list.push_back(Prefix::parse(text).value());
    return list;
}

/// The addresses of a device, as sorted text.
std::string addresses_of(int index)
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    REQUIRE(netlink);
    NetlinkRequest request{RTM_GETADDR, NLM_F_DUMP};
    request.header<ifaddrmsg>().ifa_index = static_cast<std::uint32_t>(index);
    std::vector<std::string> found;
    REQUIRE(netlink->request(request, "list addresses", [&](const nlmsghdr& message) {
        const auto header = netlink_header<ifaddrmsg>(message);
        for_each_attribute<ifaddrmsg>(message, [&](const NetlinkAttribute& attribute) {
            if (attribute.type != IFA_ADDRESS) return;
            const Prefix prefix{Address::from_bytes(attribute.value), header->ifa_prefixlen};
            found.push_back(prefix.text());
        });
    }));
    std::ranges::sort(found);
    std::string text;
    for (const auto& one : found) text += one + " ";
    return text;
}

/// "+" for each address that came and "-" for each that went since the last call. IPv6 addresses
/// come twice: when they are set, and a moment later when they are usable.
std::string address_events(Netlink& events)
{
    std::string text;
    REQUIRE(events.receive([&](const nlmsghdr& message) {
        if (message.nlmsg_type == RTM_NEWADDR) text += '+';
        if (message.nlmsg_type == RTM_DELADDR) text += '-';
    }));
    return text;
}

ifreq ask(unsigned long what, std::string_view name)
{
    const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ifreq request{};
    std::ranges::copy(name, request.ifr_name);
    REQUIRE(::ioctl(socket.get(), what, &request) == 0);
    return request;
}

std::uint16_t internet_checksum(Bytes bytes)
{
    WireReader in{bytes};
    std::uint32_t sum = 0;
    while (!in.rest().empty()) sum += in.u16();
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// An ICMP echo request of 28 bytes.
std::vector<std::byte> ping(std::string_view from, std::string_view to)
{
    std::vector<std::byte> packet(28);
    const auto put_u16 = [&](std::size_t at, std::uint16_t value) {
        WireWriter{MutBytes{packet}.subspan(at)}.u16(value);
    };
    WireWriter out{packet};
    out.u8(0x45);
    out.u8(0);
    out.u16(28);
    out.u32(0);
    out.u8(64); // Hops
    out.u8(IPPROTO_ICMP);
    out.u16(0);
    out.bytes(address(from).bytes());
    out.bytes(address(to).bytes());
    out.u8(8); // Echo request
    out.u8(0);
    out.u16(0);
    out.u16(7); // Identifier
    out.u16(1); // Sequence
    REQUIRE(out.ok());
    put_u16(10, internet_checksum(Bytes{packet}.first(20)));
    put_u16(22, internet_checksum(Bytes{packet}.subspan(20)));
    return packet;
}

/// The next IPv4 packet of one protocol out of the device, with its virtio header; empty when
/// none comes.
std::vector<std::byte> next_packet(Tun& tun, std::uint8_t protocol)
{
    std::vector<std::byte> buffer(Tun::read_size);
    while (wait_for(tun.fd(), POLLIN)) {
        const auto size = tun.read(buffer);
        REQUIRE(size);
        std::vector<std::byte> packet(buffer.begin(),
                                      buffer.begin() + static_cast<std::ptrdiff_t>(*size));
        constexpr std::size_t start = Tun::vnet_header_size;
        if (packet.size() > start + 20 && packet[start] == std::byte{0x45} &&
            packet[start + 9] == std::byte{protocol})
            return packet;
    }
    return {};
}

Bytes ip_destination(const std::vector<std::byte>& packet)
{
    return Bytes{packet}.subspan(Tun::vnet_header_size + 16, 4);
}

} // namespace

TEST_CASE("names that no device can have are refused before the kernel is asked")
{
    for (const auto* name : {"", ".", "..", "a/b", "a b", "tun%d", "a:b", "sixteen-letters-",
                             "tab\t", "caf\xc3\xa9"}) {
        CAPTURE(name);
        const auto refused = Tun::open(name);
        REQUIRE(!refused);
        CHECK(refused.error().code == std::errc::invalid_argument);
        CHECK(!refused.error().hint.empty());
    }
}

TEST_CASE("an open device has its name and index, and goes with its owner")
{
    enter_private_netns();
    {
        const auto tun = open_tun("fifteen-letters");
        CHECK(tun.name() == "fifteen-letters");
        CHECK(tun.index() == static_cast<int>(::if_nametoindex("fifteen-letters")));
    }
    CHECK(::if_nametoindex("fifteen-letters") == 0);
}

TEST_CASE("a device that another owner holds is busy")
{
    const auto tun = open_tun();
    const auto refused = Tun::open(tun.name());
    REQUIRE(!refused);
    CHECK(refused.error().text() == "TUNSETIFF braidtest0: Device or resource busy");
    CHECK(!refused.error().hint.empty());
}

TEST_CASE("a device that is no TUN is refused")
{
    enter_private_netns();
    const auto refused = Tun::open("lo");
    REQUIRE(!refused);
    CHECK(refused.error().text() == "TUNSETIFF lo: Invalid argument");
    CHECK(!refused.error().hint.empty());
}

TEST_CASE("without the capability the error says what is needed")
{
    enter_private_netns();
    const AsNobody nobody;
    const auto refused = Tun::open("braidtest0");
    REQUIRE(!refused);
    // Which of the two it is depends on the mode of the device file.
    const auto text = refused.error().text();
    CHECK((text == "TUNSETIFF braidtest0: Operation not permitted" ||
           text == "open /dev/net/tun: Permission denied"));
    CHECK(refused.error().hint.find("CAP_NET_ADMIN") != std::string::npos);
}

TEST_CASE("configure sets the addresses, the MTU and the queue, and brings the device up")
{
    auto tun = open_tun();
    const auto done = tun.configure(prefixes({"10.8.0.2/24", "fd08::2/64"}), 1500);
    REQUIRE_MESSAGE(done, (done ? "" : done.error().text()));
    CHECK(addresses_of(tun.index()) == "10.8.0.2/24 fd08::2/64 "); // No link-local one.
    CHECK(ask(SIOCGIFMTU, tun.name()).ifr_mtu == 1500);
    CHECK(ask(SIOCGIFTXQLEN, tun.name()).ifr_qlen == 1000);
    CHECK((ask(SIOCGIFFLAGS, tun.name()).ifr_flags & IFF_UP) != 0);
}

TEST_CASE("configure again with the same changes nothing, not even for a moment")
{
    auto tun = open_tun();
    const auto wanted = prefixes({"10.8.0.2/24", "10.8.0.3/24", "fd08::2/64"});
    REQUIRE(tun.configure(wanted, 1400));
    auto events = Netlink::open(NETLINK_ROUTE, {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}).value();
    REQUIRE(tun.configure(wanted, 1400));
    CHECK(address_events(events).find('-') == std::string::npos);
    CHECK(addresses_of(tun.index()) == "10.8.0.2/24 10.8.0.3/24 fd08::2/64 ");
}

TEST_CASE("configure with others replaces only what differs")
{
    auto tun = open_tun();
    REQUIRE(tun.configure(prefixes({"10.8.0.2/24", "fd08::2/64"}), 1500));
    auto events = Netlink::open(NETLINK_ROUTE, {RTNLGRP_IPV6_IFADDR}).value();
    REQUIRE(tun.configure(prefixes({"10.8.0.9/24", "fd08::2/64"}), 1280));
    CHECK(addresses_of(tun.index()) == "10.8.0.9/24 fd08::2/64 ");
    CHECK(address_events(events).find('-') == std::string::npos);
    CHECK(ask(SIOCGIFMTU, tun.name()).ifr_mtu == 1280);
    REQUIRE(tun.configure({}, 1280));
    CHECK(addresses_of(tun.index()).empty());
}

TEST_CASE("a wanted address outlives an unwanted one whose secondary it was")
{
    auto tun = open_tun();
    REQUIRE(tun.configure(prefixes({"10.8.0.2/24", "10.8.0.3/24"}), 1500));
    REQUIRE(tun.configure(prefixes({"10.8.0.3/24"}), 1500));
    CHECK(addresses_of(tun.index()) == "10.8.0.3/24 ");
}

TEST_CASE("what the kernel does not take is named in the error")
{
    auto tun = open_tun();
    const auto small = tun.configure({}, 10);
    REQUIRE(!small);
    CHECK(small.error().text().starts_with("set MTU 10 of braidtest0: "));
    const auto multicast = tun.configure(prefixes({"ff02::1/64"}), 1500);
    REQUIRE(!multicast);
    CHECK(multicast.error().text().starts_with("add address ff02::1/64 to braidtest0: "));
}

TEST_CASE("where IPv6 is switched off IPv6 addresses are left out")
{
    auto tun = open_tun();
    REQUIRE(write_sysctl("net/ipv6/conf/braidtest0/disable_ipv6", "1"));
    CHECK(tun.configure(prefixes({"10.8.0.2/24"}), 1500));
    CHECK(tun.configure(prefixes({"10.8.0.2/24", "fd08::2/64"}), 1500));
}

TEST_CASE("a ping written into the device is answered out of it")
{
    auto tun = open_tun();
    REQUIRE(tun.configure(prefixes({"10.8.0.2/24"}), 1500));
    REQUIRE(tun.write(plain_header, ping("10.8.0.9", "10.8.0.2")));
    const auto reply = next_packet(tun, IPPROTO_ICMP);
    REQUIRE(reply.size() == Tun::vnet_header_size + 28);
    CHECK(std::ranges::equal(ip_destination(reply), address("10.8.0.9").bytes()));
    CHECK(reply[Tun::vnet_header_size + 20] == std::byte{0}); // Echo reply
}

TEST_CASE("a batch of datagrams comes out whole, as one super-packet where the kernel can")
{
    auto tun = open_tun();
    REQUIRE(tun.configure(prefixes({"10.8.0.2/24"}), 1500));
    const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    constexpr int segment = 100;
    constexpr int udp_segment = 103;
    REQUIRE(::setsockopt(socket.get(), SOL_UDP, udp_segment, &segment, sizeof segment) == 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    std::ranges::copy(address("10.8.0.9").bytes(),
                      std::as_writable_bytes(std::span{&to.sin_addr, 1}).begin());
    const std::array<char, 1000> payload{};
    REQUIRE(::sendto(socket.get(), payload.data(), payload.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1000);
    std::size_t received = 0;
    while (received < payload.size()) {
        const auto packet = next_packet(tun, IPPROTO_UDP);
        REQUIRE(!packet.empty());
        const bool is_super = packet[1] != std::byte{0}; // gso_type
        const std::size_t size = packet.size() - Tun::vnet_header_size - 28;
        CHECK(size == (is_super ? payload.size() : segment));
        received += size;
    }
    CHECK(received == payload.size());
}

TEST_CASE("read yields nothing when nothing waits, and while the device is down")
{
    auto tun = open_tun();
    std::vector<std::byte> buffer(Tun::read_size);
    CHECK(tun.read(buffer).value() == 0);
    REQUIRE(tun.configure(prefixes({"10.8.0.2/24"}), 1500));
    while (tun.read(buffer).value() > 0) {
    }
    CHECK(tun.read(buffer).value() == 0);
}

TEST_CASE("a header that the kernel dislikes, and a device that is down, are errors of one packet")
{
    auto tun = open_tun();
    const auto packet = ping("10.8.0.9", "10.8.0.2");
    const auto down = tun.write(plain_header, packet);
    REQUIRE(!down);
    CHECK(down.error().text() == "write braidtest0: Input/output error");
    REQUIRE(tun.configure(prefixes({"10.8.0.2/24"}), 1500));
    auto header = plain_header;
    header[1] = std::byte{1}; // A TCP super-packet, of segments without size.
    const auto refused = tun.write(header, packet);
    REQUIRE(!refused);
    CHECK(refused.error().code == std::errc::invalid_argument);
    CHECK(tun.write(plain_header, packet));
}
