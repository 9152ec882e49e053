#include "common/crypto/keys.hpp"
#include "common/session/session.hpp"
#include "common/session/tun_port.hpp"
#include "common/sys/mptcp.hpp"
#include "tests/unit/crypto/made_ciphers.hpp"
#include "tests/unit/session/allocations.hpp"
#include "tests/unit/session/lane_ends.hpp"

#include <array>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

constexpr std::uint32_t mtu = 1500;
constexpr std::uint16_t inner_port = 5000;
constexpr std::size_t segment_size = 1200; ///< what is larger leaves as a super-packet
constexpr int segment_option = 103;        ///< UDP_SEGMENT, not in every libc
constexpr std::size_t batch = 36;
constexpr std::size_t warm_up = 1'000; ///< packets
constexpr std::size_t counted = 10'000;

/// Packets that go at once, and how often. Sizes are of a UDP payload.
struct Pattern {
    std::string_view name;
    std::vector<std::size_t> sizes;
    Duration period;
};

/// Both regimes of the gate; packets for each class of pooled buffers, alone and in segments.
std::vector<Pattern> patterns()
{
    return {{"above 300 Mbit/s", {1, 64, 300, 1200, 2400, 12'000, 14'400, 36'000, 60'000}, 1ms},
            {"below 150 Mbit/s", {1, 64, 300, 1200}, 2ms}};
}

/// A host with a TUN that leads into a session, as either daemon has them.
class Host : Session::Listener, TunPort::Listener {
public:
    Host(Loop& loop, std::string_view addresses)
        : tun_(open(addresses)), port_(loop, tun_, pool_, *this), session_(loop, *this)
    {
        port_.start();
    }

    void open_lane(Fd fd, Lane::Keys keys)
    {
        session_.open_lane(std::move(fd), std::move(keys), {});
    }
    [[nodiscard]] const PrivateNetns& netns() const { return netns_; }
    [[nodiscard]] bool takes_udp_segments() const { return tun_.takes_udp_segments(); }
    /// UDP packets of the peer that went into the TUN.
    [[nodiscard]] std::size_t delivered() const { return delivered_; }

private:
    Tun open(std::string_view addresses)
    {
        const Inside inside{netns_};
        auto tun = Tun::open("braidtest0");
        REQUIRE(tun);
        REQUIRE(tun->configure({prefix(addresses)}, mtu));
        return std::move(*tun);
    }

    void on_tun_packet(QueuedPacket packet, const PacketInfo&) override
    {
        session_.enqueue(std::move(packet));
    }
    void on_tun_drained() override { session_.send(); }
    void on_tun_lost(const Error& reason) override { FAIL(reason.text()); }
    Status on_packet(Session&, const Offload& offload, Bytes packet) override
    {
        const auto info = parse_packet(packet);
        REQUIRE(info);
        port_.deliver(offload, *info, packet, mtu);
        if (info->protocol == IPPROTO_UDP) ++delivered_;
        return {};
    }
    Status on_message(Session&, const Message&) override { return {}; }
    void on_lanes_lost(Session&, const Error& reason) override { FAIL(reason.text()); }
    void on_session_end(Session&, const Error& reason) override { FAIL(reason.text()); }

    PrivateNetns netns_;
    PacketPool pool_;
    Tun tun_;
    TunPort port_;
    Session session_;
    std::size_t delivered_ = 0;
};

/// Both ends of an MPTCP connection.
StreamPair connect_lane(StreamPair pair)
{
    auto listener = mptcp::listen(endpoint("127.0.0.1:8684"));
    REQUIRE(listener);
    auto client = mptcp::connect({.interface = "lo", .remote = endpoint("127.0.0.1:8684")});
    REQUIRE(client);
    pollfd wanted{.fd = listener->get(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&wanted, 1, 2000) == 1);
    auto accepted = mptcp::accept(listener->get());
    REQUIRE(accepted);
    REQUIRE(accepted->has_value());
    pair.here = std::move(*client);
    pair.there = std::move((*accepted)->fd);
    return pair;
}

/// A UDP socket between the inner addresses.
Fd inner_socket(const PrivateNetns& netns, std::string_view own, std::string_view peer)
{
    const Inside inside{netns};
    Fd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const auto local = Endpoint{address(own), inner_port}.mapped_sockaddr();
    const auto remote = Endpoint{address(peer), inner_port}.mapped_sockaddr();
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(sockaddr_in6)) == 0);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&remote), sizeof(sockaddr_in6)) ==
            0);
    constexpr int size = segment_size;
    REQUIRE(::setsockopt(fd.get(), IPPROTO_UDP, segment_option, &size, sizeof size) == 0);
    constexpr int room = 16 << 20; // for a whole batch
    REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0);
    return fd;
}

/// Two hosts and the lane between them.
struct Path {
    explicit Path(const MadeCipher& made)
    {
        StreamPair pair = connect_lane({});
        here.open_lane(std::move(pair.here), keys(made, 1, 2));
        there.open_lane(std::move(pair.there), keys(made, 2, 1));
    }
    static Lane::Keys keys(const MadeCipher& made, std::uint8_t own, std::uint8_t peer)
    {
        return {RecordSealer{made.cipher, fixed_secret(own), {}, made.maker},
                RecordOpener{made.cipher, fixed_secret(peer), {}, made.maker}};
    }

    Loop loop;
    Host here{loop, "198.51.100.1/24"};
    Host there{loop, "198.51.100.2/24"};
    Fd sender = inner_socket(here.netns(), "198.51.100.1", "198.51.100.2");
    Fd receiver = inner_socket(there.netns(), "198.51.100.2", "198.51.100.1");
};

/// Sends the next batch, and a packet back, when all of the last has arrived. Allocates nothing
/// once it is made.
class Traffic {
public:
    Traffic(Path& path, const Pattern& pattern)
        : path_(path),
          pattern_(pattern),
          pump_(path.loop, [this] { pump(); }),
          patience_(path.loop, [this] { path_.loop.stop(); })
    {
        pump_.every(pattern.period);
    }

    /// Carries so many packets, or a few more; false when they do not arrive within the time.
    [[nodiscard]] bool carry(std::size_t packets)
    {
        end_ = sent_ + packets;
        patience_.once(1min);
        path_.loop.run();
        patience_.stop();
        return sent_ >= end_ && path_.there.delivered() == sent_ && received_ == given_;
    }

private:
    void pump()
    {
        receive();
        if (path_.there.delivered() < sent_ || path_.here.delivered() < answers_) return;
        if (sent_ >= end_) return path_.loop.stop();
        for (std::size_t i = 0; i < batch; ++i) send(pattern_.sizes[i % pattern_.sizes.size()]);
        answer();
    }
    /// A lane that hears nothing for long sends a ping, and messages allocate.
    void answer()
    {
        REQUIRE(::send(path_.receiver.get(), data_.data(), 1, 0) == 1);
        ++answers_;
    }
    void send(std::size_t size)
    {
        const ssize_t sent = ::send(path_.sender.get(), data_.data(), size, 0);
        REQUIRE(sent == static_cast<ssize_t>(size));
        given_ += size;
        sent_ += path_.here.takes_udp_segments() ? 1 : (size + segment_size - 1) / segment_size;
    }
    void receive()
    {
        ssize_t size = 0;
        while ((size = ::recv(path_.receiver.get(), data_.data(), data_.size(), 0)) > 0)
            received_ += static_cast<std::size_t>(size);
    }

    Path& path_;
    const Pattern& pattern_;
    Timer pump_;
    Timer patience_;
    std::array<std::byte, 65'536> data_{};
    std::size_t end_ = 0;
    std::size_t sent_ = 0;  ///< packets
    std::size_t given_ = 0; ///< bytes
    std::size_t received_ = 0;
    std::size_t answers_ = 0; ///< packets
};

} // namespace

TEST_CASE("packets cross the tunnel without an allocation once the path is warm")
{
    REQUIRE(crypto::init());
    for (const MadeCipher& made : made_ciphers()) {
        for (const Pattern& pattern : patterns()) {
            CAPTURE(made.text());
            CAPTURE(pattern.name);
            Path path{made};
            Traffic traffic{path, pattern};
            REQUIRE(traffic.carry(warm_up));
            const std::size_t before = allocations();
            const bool carried = traffic.carry(counted);
            const std::size_t after = allocations();
            CHECK(carried);
            CHECK(after - before == 0);
        }
    }
}
