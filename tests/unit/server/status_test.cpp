#include "server/status.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <array>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

using namespace braid;
using namespace braid::test;
using nlohmann::json;

namespace {

const Endpoint listening = endpoint("127.0.0.1:8684");

/// A server of two peers, in a network namespace of its own.
struct Fixture {
    Fixture()
    {
        REQUIRE(tun.configure(config.tun.addresses, config.tun.mtu));
        REQUIRE(server.open());
    }
    [[nodiscard]] ServerConfig make_config() const
    {
        ServerConfig made;
        made.listen = {listening};
        made.tun.name = "braidtest0";
        made.tun.addresses = {prefix("10.86.0.1/24")};
        made.peers.resize(2);
        made.peers[0].name = "laptop";
        made.peers[0].public_key = client_key.public_key();
        made.peers[0].addresses = {prefix("10.86.0.2"), prefix("192.168.7.0/24")};
        made.peers[1].name = "phone";
        made.peers[1].public_key = PrivateKey::generate().public_key();
        made.peers[1].addresses = {prefix("10.86.0.3")};
        return made;
    }
    [[nodiscard]] json status(Duration later = 0s) const
    {
        return server_status(config, server, loop.now() + later);
    }
    [[nodiscard]] json peer(Duration later = 0s) const { return status(later).at("peers").at(0); }
    /// A TCP connection to the server.
    [[nodiscard]] Fd connect()
    {
        auto fd = mptcp::connect({.interface = "lo", .remote = listening});
        REQUIRE(fd);
        return std::move(*fd);
    }
    bool until(const std::function<bool()>& condition)
    {
        return runs_until(loop, patience, condition);
    }

    PrivateNetns netns;
    Inside inside{netns};
    Loop loop;
    PrivateKey client_key = PrivateKey::generate();
    ServerConfig config = make_config();
    Server::Identity identity{PrivateKey::generate(), std::vector<PresharedKey>(2)};
    Tun tun = Tun::open("braidtest0").value();
    Server server{loop, config, identity, RecordCrypto{}, tun};
};

/// The client of the first peer, by hand.
struct Client {
    explicit Client(Fixture& from) : fixture(from), fd(from.connect())
    {
        Buffer hello(client_hello_size);
        REQUIRE(handshake.start(hello));
        REQUIRE(fixture.until([&] { return try_send(hello); }));
        Buffer reply(server_hello_size);
        REQUIRE(fixture.until(
            [&] { return ::recv(fd.get(), reply.data(), reply.size(), 0) == server_hello_size; }));
        auto keys = handshake.on_reply(reply);
        REQUIRE(keys);
        sealer.emplace(keys->cipher, std::move(keys->client_to_server));
        send(message_frame(Hello{"braid test"}));
        REQUIRE(fixture.until([&] { return fixture.peer().at("state") == "up"; }));
    }
    [[nodiscard]] bool try_send(Bytes bytes) const
    {
        return ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }
    void send(Bytes plaintext) { REQUIRE(try_send(seal(*sealer, plaintext))); }

    Fixture& fixture;
    Fd fd;
    ClientHandshake handshake{{.own = fixture.client_key,
                               .server = fixture.identity.own.public_key(),
                               .psk = PresharedKey::none()}};
    std::optional<RecordSealer> sealer;
};

/// An IPv4 packet of 28 bytes to the server's inner address.
Buffer packet_from(std::string_view source)
{
    Buffer packet(28);
    WireWriter out{packet};
    out.u32(0x4500001c);
    out.u32(0);
    out.u32(0x40110000);
    out.bytes(address(source).bytes());
    out.bytes(address("10.86.0.1").bytes());
    out.u32(0x0fa01388);
    out.u32(0x00080000);
    REQUIRE(out.ok());
    return packet;
}

} // namespace

TEST_CASE("a server without sessions has a whole status")
{
    const Fixture fixture;
    json status = fixture.status();
    CHECK(status.at("pid").is_number());
    for (const char* key : {"pid", "version", "mptcp", "crypto", "peers"}) status.erase(key);
    // The host's own multicast has no peer to go to.
    status.at("dropped_packets").erase("unrouted");
    CHECK(status == json::parse(R"({
        "schema": 1, "role": "server", "state": "up", "listen": ["127.0.0.1:8684"],
        "tun": {"name": "braidtest0", "addresses": ["10.86.0.1/24"], "mtu": 1500},
        "workers": {"configured": "auto", "threads": 0, "in_use": false},
        "refused_connections": 0, "turned_away_connections": 0,
        "deferred_handshakes": 0, "probes": 0, "foreign_probes": 0,
        "dropped_packets": {"unreadable": 0, "refused": 0, "undelivered": 0}})"));
}

TEST_CASE("a peer that never came is down and was never seen")
{
    const Fixture fixture;
    json peer = fixture.peer();
    CHECK(peer.at("public_key") == fixture.client_key.public_key().text());
    peer.erase("public_key");
    CHECK(peer == json::parse(R"({
        "name": "laptop", "state": "down", "addresses": ["10.86.0.2/32", "192.168.7.0/24"],
        "endpoints": [], "mptcp": false, "cipher": null, "software": "", "tx_bytes": 0, "rx_bytes": 0,
        "spoofed_packets": 0, "queue_full_packets": 0, "last_handshake_s": null})"));
}

TEST_CASE("a peer with a session is up, with its software and its remote end")
{
    Fixture fixture;
    const Client client{fixture};
    const json peer = fixture.peer();
    CHECK(peer.at("software") == "braid test");
    CHECK(peer.at("cipher").is_string());
    REQUIRE(peer.at("endpoints").size() == 1);
    CHECK(peer.at("endpoints").at(0).get<std::string>().starts_with("127.0.0.1:"));
    CHECK(fixture.status().at("peers").at(1).at("state") == "down");
}

TEST_CASE("the last handshake is told in whole seconds ago")
{
    Fixture fixture;
    const Client client{fixture};
    CHECK(fixture.peer().at("last_handshake_s") == 0);
    CHECK(fixture.peer(90s).at("last_handshake_s") == 90);
}

TEST_CASE("what a session carried stays when it has ended")
{
    Fixture fixture;
    {
        Client client{fixture};
        client.send(packet_frame(packet_from("10.86.0.2")));
        CHECK(fixture.until([&] { return fixture.peer().at("rx_bytes") == 28; }));
    }
    CHECK(fixture.until([&] { return fixture.peer().at("state") == "down"; }));
    CHECK(fixture.peer().at("rx_bytes") == 28);
    CHECK(fixture.peer().at("endpoints").empty());
    CHECK(fixture.peer().at("last_handshake_s").is_number());
}

TEST_CASE("bytes of the next session add to those of the ended ones")
{
    Fixture fixture;
    for (const int total : {28, 56}) {
        Client client{fixture};
        client.send(packet_frame(packet_from("10.86.0.2")));
        CHECK(fixture.until([&] { return fixture.peer().at("rx_bytes") == total; }));
    }
}

TEST_CASE("packets from an address that is not the peer's are counted as spoofed")
{
    Fixture fixture;
    Client client{fixture};
    client.send(packet_frame(packet_from("10.86.0.3")) + packet_frame(packet_from("8.8.8.8")));
    CHECK(fixture.until([&] { return fixture.peer().at("spoofed_packets") == 2; }));
    CHECK(fixture.status().at("dropped_packets").at("refused") == 0);
}

TEST_CASE("packets that are no IP are counted as refused and the session lives on")
{
    Fixture fixture;
    Client client{fixture};
    client.send(packet_frame(Buffer(40)));
    CHECK(fixture.until([&] { return fixture.status().at("dropped_packets").at("refused") == 1; }));
    CHECK(fixture.peer().at("state") == "up");
}

TEST_CASE("a stranger is counted as refused")
{
    Fixture fixture;
    const Fd fd = fixture.connect();
    REQUIRE(fixture.until([&] { return ::send(fd.get(), "GET /", 5, MSG_NOSIGNAL) == 5; }));
    CHECK(fixture.until([&] { return fixture.status().at("refused_connections") == 1; }));
}

TEST_CASE("connections beyond the limit of strangers are counted as turned away")
{
    Fixture fixture;
    fixture.config.limits.unauthenticated = 2;
    const std::array<Fd, 3> fds{fixture.connect(), fixture.connect(), fixture.connect()};
    CHECK(fixture.until([&] { return fixture.status().at("turned_away_connections") == 1; }));
    CHECK(fixture.status().at("refused_connections") == 0);
}

TEST_CASE("packets for a peer that is not connected are counted as unrouted")
{
    Fixture fixture;
    const auto unrouted = [&] {
        return fixture.status().at("dropped_packets").at("unrouted").get<std::uint64_t>();
    };
    const auto before = unrouted();
    const Fd socket{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const auto to = endpoint("10.86.0.2:9").mapped_sockaddr();
    REQUIRE(::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof(sockaddr_in6)) == 1);
    CHECK(fixture.until([&] { return unrouted() > before; }));
}
