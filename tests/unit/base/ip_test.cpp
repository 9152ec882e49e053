#include "common/base/ip.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <ostream>
#include <string>

using namespace braid;

namespace {

Address address(std::string_view text)
{
    return Address::parse(text).value();
}

Prefix prefix(std::string_view text)
{
    return Prefix::parse(text).value();
}

template <typename T>
sockaddr_storage as_storage(const T& from)
{
    sockaddr_storage storage{};
    std::memcpy(&storage, &from, sizeof from);
    return storage;
}

} // namespace

TEST_CASE("an address is printed in the usual form")
{
    for (const auto& [given, printed] : {std::pair{"192.0.2.1", "192.0.2.1"},
                                         {"0.0.0.0", "0.0.0.0"},
                                         {"255.255.255.255", "255.255.255.255"},
                                         {"2001:DB8:0::0:1", "2001:db8::1"},
                                         {"::", "::"},
                                         {"fe80::1", "fe80::1"},
                                         {"::ffff:192.0.2.1", "192.0.2.1"}}) {
        const std::string text = given;
        CAPTURE(text);
        CHECK(address(text).text() == printed);
    }
}

TEST_CASE("what is no address is refused with its text")
{
    for (const std::string_view text :
         {"", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", ":::", "fe80::1%eth0",
          "[::1]", "1.2.3.4/8", "localhost"}) {
        CAPTURE(text);
        const auto refused = Address::parse(text);
        REQUIRE(!refused);
        CHECK(refused.error().code == std::errc::invalid_argument);
        CHECK(refused.error().text() ==
              std::string{"'"}.append(text).append("' is not an IP address"));
    }
    CHECK(!Address::parse(std::string_view{"1.2.3.4\0x", 9}));
}

TEST_CASE("a v4-mapped address is IPv4, from text and from bytes")
{
    CHECK(address("::ffff:192.0.2.1") == address("192.0.2.1"));
    std::array<std::byte, 16> mapped{};
    mapped[10] = mapped[11] = std::byte{0xff};
    mapped[12] = std::byte{192};
    mapped[14] = std::byte{2};
    mapped[15] = std::byte{1};
    CHECK(Address::from_bytes(mapped) == address("192.0.2.1"));
    CHECK(Address::from_bytes(mapped).family() == Family::v4);
    CHECK(Address::from_bytes(mapped).bytes().size() == 4);
    mapped[9] = std::byte{1};
    CHECK(Address::from_bytes(mapped).family() == Family::v6);
}

TEST_CASE("bytes and bits are those of the family")
{
    CHECK(address("192.0.2.1").bits() == 32);
    CHECK(address("::1").bits() == 128);
    const auto v6 = address("2001:db8::1");
    CHECK(Address::from_bytes(v6.bytes()) == v6);
}

TEST_CASE("the kinds of addresses are told apart")
{
    struct Row {
        const char* text;
        bool any, loopback, link_local, multicast;
    };
    for (const Row& row :
         {Row{"0.0.0.0", true, false, false, false}, Row{"::", true, false, false, false},
          Row{"127.0.0.1", false, true, false, false},
          Row{"127.255.0.9", false, true, false, false}, Row{"::1", false, true, false, false},
          Row{"::2", false, false, false, false}, Row{"1::1", false, false, false, false},
          Row{"169.254.1.1", false, false, true, false},
          Row{"169.253.1.1", false, false, false, false}, Row{"fe80::1", false, false, true, false},
          Row{"febf::1", false, false, true, false}, Row{"fec0::1", false, false, false, false},
          Row{"224.0.0.1", false, false, false, true},
          Row{"239.255.255.255", false, false, false, true},
          Row{"240.0.0.1", false, false, false, false}, Row{"ff02::1", false, false, false, true},
          Row{"10.0.0.1", false, false, false, false}}) {
        CAPTURE(row.text);
        CHECK(address(row.text).is_any() == row.any);
        CHECK(address(row.text).is_loopback() == row.loopback);
        CHECK(address(row.text).is_link_local() == row.link_local);
        CHECK(address(row.text).is_multicast() == row.multicast);
    }
    CHECK(Address::any(Family::v4) == address("0.0.0.0"));
    CHECK(Address::any(Family::v6) == address("::"));
    CHECK(Address{} == address("0.0.0.0"));
}

TEST_CASE("addresses are ordered by family, then by bytes")
{
    CHECK(address("9.0.0.1") < address("10.0.0.0"));
    CHECK(address("255.0.0.0") < address("::"));
    CHECK(address("0.0.0.0") != address("::"));
}

TEST_CASE("a prefix keeps its host bits, and its network has none")
{
    for (const auto& [given, network] : {std::pair{"10.1.2.3/8", "10.0.0.0/8"},
                                         {"10.1.2.3/0", "0.0.0.0/0"},
                                         {"10.1.255.3/23", "10.1.254.0/23"},
                                         {"10.1.2.3/32", "10.1.2.3/32"},
                                         {"2001:db8:ffff::1/33", "2001:db8:8000::/33"},
                                         {"2001:db8::1/128", "2001:db8::1/128"},
                                         {"2001:db8::1/0", "::/0"}}) {
        const std::string text = given;
        CAPTURE(text);
        CHECK(prefix(text).text() == text);
        CHECK(prefix(text).network().text() == network);
        CHECK(prefix(text).has_host_bits() == (prefix(text).address != prefix(network).address));
        CHECK(!prefix(network).has_host_bits());
    }
}

TEST_CASE("an address without length is a single host")
{
    CHECK(prefix("10.0.0.1").text() == "10.0.0.1/32");
    CHECK(prefix("::1").is_host());
    CHECK(!prefix("::1/127").is_host());
    CHECK(Prefix::host(address("10.0.0.1")) == prefix("10.0.0.1/32"));
}

TEST_CASE("what is no prefix is refused")
{
    for (const std::string_view text :
         {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8",
          "::/129", "::/256", "10.0.0.0/8/8", "10.0.0/8"}) {
        CAPTURE(text);
        const auto refused = Prefix::parse(text);
        REQUIRE(!refused);
        CHECK(refused.error().text() ==
              std::string{"'"}.append(text).append("' is not an IP prefix"));
    }
}

TEST_CASE("a prefix contains the addresses of its network and family")
{
    struct Row {
        const char* prefix;
        const char* address;
        bool contained;
    };
    for (const Row& row :
         {Row{"10.0.0.0/8", "10.255.255.255", true}, Row{"10.0.0.0/8", "11.0.0.0", false},
          Row{"10.9.9.9/8", "10.0.0.1", true}, Row{"0.0.0.0/0", "255.255.255.255", true},
          Row{"0.0.0.0/0", "::1", false}, Row{"::/0", "10.0.0.1", false},
          Row{"10.0.0.1/32", "10.0.0.1", true}, Row{"10.0.0.1/32", "10.0.0.0", false},
          Row{"fd00::/7", "fdff::1", true}, Row{"2001:db8::/33", "2001:db8:8000::", false}}) {
        CAPTURE(row.prefix);
        CAPTURE(row.address);
        CHECK(prefix(row.prefix).contains(address(row.address)) == row.contained);
    }
}

TEST_CASE("an endpoint is read and printed with its port, IPv6 in brackets")
{
    for (const auto* text : {"192.0.2.1:8684", "[2001:db8::1]:1", "[::]:65535"}) {
        CAPTURE(text);
        CHECK(Endpoint::parse(text).value().text() == text);
    }
    for (const auto* text : {"192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
                             "2001:db8::1:80", "[2001:db8::1]", "[2001:db8::1]80", "host:80",
                             "192.0.2.1:+80", "[::1:80", "::1]:80", ":80", "[]:80", ""}) {
        CAPTURE(text);
        CHECK(!Endpoint::parse(text));
    }
}

TEST_CASE("a socket address is read in either family, and made in one")
{
    const auto v4 = Endpoint::parse("192.0.2.1:8684").value();
    const auto v6 = Endpoint::parse("[2001:db8::1]:8684").value();
    for (const auto& endpoint : {v4, v6}) {
        const auto storage = endpoint.mapped_sockaddr();
        CHECK(storage.ss_family == AF_INET6);
        CHECK(Endpoint::from_sockaddr(storage).value() == endpoint);
    }
    sockaddr_in plain{};
    plain.sin_family = AF_INET;
    plain.sin_port = htons(8684);
    plain.sin_addr.s_addr = htonl(0xc0000201);
    CHECK(Endpoint::from_sockaddr(as_storage(plain)).value() == v4);
    plain.sin_family = AF_UNIX;
    CHECK(!Endpoint::from_sockaddr(as_storage(plain)));
}

TEST_CASE("a host with its port is a name or an address")
{
    const auto name = HostPort::parse("vpn.example.com:443").value();
    CHECK(name.host == "vpn.example.com");
    CHECK(name.port == 443);
    CHECK(name.text() == "vpn.example.com:443");
    CHECK(HostPort::parse("[2001:db8::1]:443").value().host == "2001:db8::1");
    CHECK(HostPort::parse("[2001:db8::1]:443").value().text() == "[2001:db8::1]:443");
    for (const auto* text :
         {"", "name", "name:", ":1", "name:0", "name:65536", "name:http", "name:1 ", "[]:1"}) {
        CAPTURE(text);
        CHECK(!HostPort::parse(text));
    }
}

TEST_CASE("an IPv6 address without brackets gets a hint")
{
    const auto refused = HostPort::parse("2001:db8::1:8684");
    REQUIRE(!refused);
    CHECK(refused.error().text() == "'2001:db8::1:8684' is not host:port");
    CHECK(refused.error().hint.find("brackets") != std::string::npos);
}
