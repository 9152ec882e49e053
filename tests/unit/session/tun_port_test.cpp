#include "common/session/tun_port.hpp"

#include "tests/unit/netns.hpp"

#include <array>
#include <doctest/doctest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using Buffer = std::vector<std::byte>;

constexpr std::uint32_t mtu = 1500;
constexpr std::string_view own = "198.51.100.7";
constexpr std::string_view peer = "198.51.100.9";

struct Recorder : TunPort::Listener {
    struct Packet {
        Buffer bytes;
        Offload offload;
        FlowHash flow = 0;
        PacketInfo info;
    };
    void on_tun_packet(QueuedPacket packet, const PacketInfo& info) override
    {
        // The host's own noise (multicast of IPv6) is not the test's.
        if (info.destination != address(peer)) return;
        const Bytes bytes = packet.buffer.bytes();
        packets.push_back({{bytes.begin(), bytes.end()}, packet.offload, packet.flow, info});
        undrained = true;
    }
    void on_tun_drained() override
    {
        undrained = false;
        ++drained;
    }
    void on_tun_lost(const Error&) override { ++lost; }
    std::vector<Packet> packets;
    int lost = 0;
    bool undrained = false;
    int drained = 0;
};

enum class Device { up, down };

/// A port on a TUN in a namespace of its own, where `own` lives and `peer` is routed to.
struct Port {
    explicit Port(Device device = Device::up)
    {
        if (device == Device::up) REQUIRE(tun.configure({prefix("198.51.100.7/24")}, mtu));
        port.start();
    }

    [[nodiscard]] static Fd udp_socket(std::uint16_t port_number)
    {
        Fd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        REQUIRE(fd);
        const int off = 0;
        REQUIRE(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0);
        const auto local = Endpoint{address(own), port_number}.mapped_sockaddr();
        REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(sockaddr_in6)) ==
                0);
        return fd;
    }
    /// The host sends a datagram to the peer.
    static void host_sends(int fd, std::uint16_t port_number, Bytes payload)
    {
        const auto remote = Endpoint{address(peer), port_number}.mapped_sockaddr();
        REQUIRE(::sendto(fd, payload.data(), payload.size(), 0,
                         reinterpret_cast<const sockaddr*>(&remote),
                         sizeof(sockaddr_in6)) == static_cast<ssize_t>(payload.size()));
    }
    void deliver(const Buffer& packet, const Offload& offload = {})
    {
        port.deliver(offload, parse_packet(packet).value(), packet, mtu);
    }

    PrivateNetns netns;
    Inside inside{netns};
    Loop loop;
    PacketPool pool;
    Recorder heard;
    Tun tun = Tun::open("braidtest0").value();
    TunPort port{loop, tun, pool, heard};
};

std::uint16_t internet_checksum(Bytes bytes)
{
    WireReader in{bytes};
    std::uint32_t sum = 0;
    while (in.rest().size() > 1) sum += in.u16();
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// A UDP packet from the peer's port 4000 to port 5000 of the host, without UDP checksum.
Buffer datagram(Bytes payload)
{
    Buffer packet(28 + payload.size());
    WireWriter out{packet};
    out.u16(0x4500);
    out.u16(narrow<std::uint16_t>(packet.size()));
    out.u32(0);
    out.u8(64);
    out.u8(IPPROTO_UDP);
    out.u16(0);
    out.bytes(address(peer).bytes());
    out.bytes(address(own).bytes());
    out.u16(4000);
    out.u16(5000);
    out.u16(narrow<std::uint16_t>(8 + payload.size()));
    out.u16(0);
    out.bytes(payload);
    REQUIRE(out.ok());
    WireWriter{MutBytes{packet}.subspan(10)}.u16(internet_checksum(Bytes{packet}.first(20)));
    return packet;
}

/// What a socket has received; nothing when nothing waits.
std::optional<Buffer> received(int fd)
{
    Buffer room(2048);
    const auto size = ::recv(fd, room.data(), room.size(), 0);
    if (size < 0) return std::nullopt;
    room.resize(static_cast<std::size_t>(size));
    return room;
}

/// The host routes bytes into the device that are no IP packet.
void host_sends_garbage(const Tun& tun, Bytes bytes)
{
    const Fd fd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    REQUIRE(fd);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IP);
    to.sll_ifindex = tun.index();
    REQUIRE(::sendto(fd.get(), bytes.data(), bytes.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to),
                     sizeof to) == static_cast<ssize_t>(bytes.size()));
}

} // namespace

TEST_CASE("a packet of the host arrives with what is known of it")
{
    Port it;
    const Fd socket = Port::udp_socket(4001);
    Port::host_sends(socket.get(), 7001, as_bytes("hello"));
    REQUIRE(runs_until(it.loop, 2s, [&] { return !it.heard.packets.empty(); }));
    const auto& packet = it.heard.packets.front();
    CHECK(packet.info.source == address(own));
    CHECK(packet.info.protocol == IPPROTO_UDP);
    CHECK(packet.info.source_port == 4001);
    CHECK(packet.info.destination_port == 7001);
    CHECK(packet.offload.gso == Gso::none);
    CHECK(packet.bytes.size() == 33);
    CHECK(parse_packet(packet.bytes));
    CHECK(it.port.counters().unreadable == 0);
}

TEST_CASE("after the packets the listener is told that there are no more")
{
    Port it;
    const Fd socket = Port::udp_socket(4001);
    constexpr std::size_t packets = TunPort::reads_per_turn + 50; // less than the device keeps
    for (std::size_t i = 0; i < packets; ++i)
        Port::host_sends(socket.get(), 7001, as_bytes("hello"));
    REQUIRE(runs_until(it.loop, 2s, [&] { return it.heard.packets.size() == packets; }));
    CHECK_FALSE(it.heard.undrained);
    CHECK(it.heard.drained >= 2);
}

TEST_CASE("packets of one flow have one hash, those of others have others")
{
    Port it;
    const Fd socket = Port::udp_socket(4001);
    for (const std::uint16_t port : {std::uint16_t{7001}, std::uint16_t{7001}, std::uint16_t{7002}})
        Port::host_sends(socket.get(), port, as_bytes("hello"));
    REQUIRE(runs_until(it.loop, 2s, [&] { return it.heard.packets.size() == 3; }));
    CHECK(it.heard.packets[0].flow == it.heard.packets[1].flow);
    CHECK(it.heard.packets[0].flow != it.heard.packets[2].flow);
}

TEST_CASE("nothing is read before the start")
{
    Port it;
    Recorder heard;
    Tun other = Tun::open("braidtest1").value();
    const TunPort idle{it.loop, other, it.pool, heard};
    REQUIRE(other.configure({prefix("192.0.2.1/24")}, mtu));
    host_sends_garbage(other, Buffer(40));
    Port::host_sends(Port::udp_socket(4001).get(), 7001, as_bytes("hello"));
    REQUIRE(runs_until(it.loop, 2s, [&] { return !it.heard.packets.empty(); }));
    CHECK(heard.drained == 0);
    CHECK(idle.counters().unreadable == 0);
}

TEST_CASE("what is no IP packet is counted as unreadable and the next one is read")
{
    Port it;
    host_sends_garbage(it.tun, Buffer(40));
    Port::host_sends(Port::udp_socket(4001).get(), 7001, as_bytes("hello"));
    REQUIRE(runs_until(it.loop, 2s, [&] { return !it.heard.packets.empty(); }));
    CHECK(it.port.counters().unreadable == 1);
    CHECK(it.heard.packets.size() == 1);
}

TEST_CASE("a packet of the peer reaches the host")
{
    Port it;
    const Fd socket = Port::udp_socket(5000);
    it.deliver(datagram(as_bytes("from afar")));
    const auto payload = received(socket.get());
    REQUIRE(payload);
    CHECK(*payload == Buffer(as_bytes("from afar").begin(), as_bytes("from afar").end()));
    CHECK(it.port.counters().refused == 0);
    CHECK(it.port.counters().undelivered == 0);
}

TEST_CASE("packets whose description does not fit are refused")
{
    Port it;
    const Fd socket = Port::udp_socket(5000);
    const Buffer packet = datagram(Buffer(300));
    it.deliver(packet, {.needs_checksum = true, .gso = Gso::tcp4, .segment_size = 100});
    it.deliver(packet, {.needs_checksum = true, .gso = Gso::tcp6, .segment_size = 100});
    it.deliver(packet, {.needs_checksum = true, .gso = Gso::udp, .segment_size = 10});
    it.deliver(datagram(Buffer(mtu)));
    CHECK(it.port.counters().refused == 4);
    CHECK(it.port.counters().undelivered == 0);
    CHECK_FALSE(received(socket.get()));
}

TEST_CASE("what is no packet at all is counted with the refused ones")
{
    Port it;
    it.port.count_refused(fail(std::errc::protocol_error, "not IP").value());
    CHECK(it.port.counters().refused == 1);
}

TEST_CASE("a packet that the kernel does not take is counted as undelivered")
{
    Port it{Device::down};
    it.deliver(datagram(as_bytes("from afar")));
    CHECK(it.port.counters().undelivered == 1);
    CHECK(it.port.counters().refused == 0);
}

TEST_CASE("a port whose device was deleted says so once and does not keep the loop busy")
{
    Port it;
    run("ip link delete braidtest0");
    CHECK(runs_until(it.loop, 2s, [&] { return it.heard.lost > 0; }));
    it.heard.drained = 0;
    int turns = 0;
    (void)runs_until(it.loop, 2s, [&] { return ++turns > 10; });
    CHECK(it.heard.drained < 100);
    CHECK(it.heard.lost == 1);
}
