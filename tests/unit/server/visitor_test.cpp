#include "server/visitor.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <optional>

using namespace braid;
using namespace braid::test;

namespace {

const Buffer refused_unit{std::byte{3}, std::byte{0}, std::byte{0}, std::byte{0}};

enum class Takes { lane, nothing };

/// A visitor whose listener destroys it when it has to, and the client's side by hand.
struct Visit : Visitor::Listener {
    explicit Visit(StreamPair pair = {}) : client(std::move(pair.there))
    {
        visitor = std::make_unique<Visitor>(
            loop, std::move(pair.here), endpoint("192.0.2.1:40000"),
            ServerHandshake{{.own = server_key}},
            [this](const PublicKey& key) -> const PresharedKey* {
                return known && key == client_key.public_key() ? &psk : nullptr;
            },
            static_cast<Visitor::Listener&>(*this));
    }

    void on_welcome(Visitor& from, const PublicKey& key, const Hello& hello) override
    {
        CHECK(&from == visitor.get());
        welcomed.push_back(key);
        software = hello.software;
        if (takes == Takes::lane) {
            lane = from.take_lane();
            REQUIRE(lane);
            lane->set_listener(heard);
        }
        visitor.reset();
    }
    void on_visit_end(Visitor& from, const Error& reason) override
    {
        CHECK(&from == visitor.get());
        ends.push_back(reason);
        visitor.reset();
    }

    void send(Bytes bytes) const
    {
        REQUIRE(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes.size()));
    }
    [[nodiscard]] Buffer hello()
    {
        Buffer unit(client_hello_size);
        REQUIRE(handshake.start(unit));
        return unit;
    }
    /// What has come from the server.
    Buffer receive()
    {
        Buffer room(4096);
        const auto size = ::recv(client.get(), room.data(), room.size(), 0);
        room.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return room;
    }
    /// The handshake up to the server's hello; then `sealer` and `opener` have their keys.
    void shake_hands()
    {
        send(hello());
        Buffer reply;
        REQUIRE(runs_until(loop, patience, [&] {
            reply = receive();
            return !reply.empty();
        }));
        auto keys = handshake.on_reply(reply);
        REQUIRE(keys);
        CHECK(keys->peer == server_key.public_key());
        sealer.emplace(keys->cipher, std::move(keys->client_to_server));
        opener.emplace(keys->cipher, std::move(keys->server_to_client));
    }
    void send_record(Bytes plaintext) { send(seal(*sealer, plaintext)); }

    bool is_welcome()
    {
        return runs_until(loop, patience, [&] { return !welcomed.empty(); });
    }
    /// True when the visit has ended within the time, once and not in a welcome.
    bool fails()
    {
        const bool ended = runs_until(loop, patience, [&] { return !ends.empty(); });
        settle(loop);
        return ended && ends.size() == 1 && welcomed.empty();
    }
    [[nodiscard]] std::error_code error() const { return ends.front().code; }

    Loop loop;
    PrivateKey server_key = PrivateKey::generate();
    PrivateKey client_key = PrivateKey::generate();
    PresharedKey psk = PresharedKey::generate();
    bool known = true;
    Takes takes = Takes::lane;
    Fd client;
    ClientHandshake handshake{{.own = client_key, .server = server_key.public_key(), .psk = psk}};
    std::optional<RecordSealer> sealer;
    std::optional<RecordOpener> opener;
    std::vector<PublicKey> welcomed;
    std::string software;
    std::vector<Error> ends;
    Recorder heard;
    std::unique_ptr<Visitor> visitor;
    std::unique_ptr<Lane> lane;
};

Buffer text_bytes(std::string_view text)
{
    const Bytes bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

} // namespace

TEST_CASE("a client that proves its key and says hello is welcome")
{
    Visit visit;
    CHECK(visit.visitor->remote() == endpoint("192.0.2.1:40000"));
    visit.shake_hands();
    CHECK(visit.welcomed.empty());
    visit.send_record(message_frame(Hello{"braid test"}));
    REQUIRE(visit.is_welcome());
    CHECK(visit.welcomed == std::vector{visit.client_key.public_key()});
    CHECK(visit.software == "braid test");
    CHECK(visit.ends.empty());
}

TEST_CASE("a client that proves its key and says nothing is not yet welcome")
{
    Visit visit;
    visit.shake_hands();
    settle(visit.loop);
    CHECK(visit.welcomed.empty());
    CHECK(visit.ends.empty());
}

TEST_CASE("what follows the hello in its record goes to who has taken the lane")
{
    Visit visit;
    visit.shake_hands();
    visit.send_record(message_frame(Hello{"a"}) + packet_frame(pattern(1, 60)));
    REQUIRE(visit.is_welcome());
    CHECK(visit.heard.packets.size() == 1);
}

TEST_CASE("the lane that was taken talks to the client")
{
    Visit visit;
    visit.shake_hands();
    visit.send_record(message_frame(Hello{"a"}));
    REQUIRE(visit.is_welcome());
    visit.lane->send_message(Close{CloseReason::replaced});
    Buffer record = visit.receive();
    const auto plaintext = visit.opener->open(record);
    REQUIRE(plaintext);
    CHECK(messages_in({Buffer(plaintext->begin(), plaintext->end())}) ==
          std::vector<Message>{Close{CloseReason::replaced}});
}

TEST_CASE("a hello in pieces is as good as a whole one")
{
    Visit visit;
    const Buffer hello = visit.hello();
    std::size_t sent = 0;
    Buffer reply;
    CHECK(runs_until(visit.loop, patience, [&] {
        if (sent < hello.size()) visit.send(Bytes{hello}.subspan(sent++, 1));
        reply = visit.receive();
        return !reply.empty();
    }));
    CHECK(visit.handshake.on_reply(reply));
}

TEST_CASE("a ping before the hello is answered and is no welcome")
{
    Visit visit;
    visit.shake_hands();
    visit.send_record(message_frame(Ping{7}));
    Buffer record;
    CHECK(runs_until(visit.loop, patience, [&] {
        record = visit.receive();
        return !record.empty();
    }));
    CHECK(visit.opener->open(record));
    CHECK(visit.welcomed.empty());
}

TEST_CASE("an unknown client is refused")
{
    Visit visit;
    visit.known = false;
    visit.send(visit.hello());
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::make_error_code(handshake_fault::unknown_client));
    CHECK(visit.receive() == refused_unit);
}

TEST_CASE("a hello for another server's key is refused")
{
    Visit visit;
    const PrivateKey other = PrivateKey::generate();
    ClientHandshake handshake{
        {.own = visit.client_key, .server = other.public_key(), .psk = visit.psk}};
    Buffer hello(client_hello_size);
    REQUIRE(handshake.start(hello));
    visit.send(hello);
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::make_error_code(handshake_fault::not_authentic));
    CHECK(visit.receive() == refused_unit);
}

TEST_CASE("what is no hello is refused at its first bytes")
{
    Buffer too_long = text_bytes("....");
    write_unit_header(too_long, UnitType::client_hello, max_handshake_body + 1);
    Buffer endless = text_bytes("....");
    write_unit_header(endless, UnitType::record, max_record_plaintext);
    RecordSealer sealer = fixed_sealer(1);
    struct Case {
        const char* name;
        Buffer bytes;
    };
    for (const auto& each :
         {Case{"another protocol", text_bytes("GET / HTTP/1.1\r\n")}, Case{"one byte", Buffer(1)},
          Case{"a hello too long", too_long}, Case{"the header of a large record", endless},
          Case{"a record", seal(sealer, message_frame(Hello{"a"}))}}) {
        CAPTURE(each.name);
        Visit visit;
        visit.send(each.bytes);
        REQUIRE(visit.fails());
        CHECK(visit.receive() == refused_unit);
    }
}

TEST_CASE("a client that closes within its hello is refused")
{
    Visit visit;
    visit.send(Bytes{visit.hello()}.first(60));
    settle(visit.loop);
    CHECK(visit.ends.empty());
    REQUIRE(::shutdown(visit.client.get(), SHUT_WR) == 0);
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::errc::connection_reset);
    CHECK(visit.receive() == refused_unit);
}

TEST_CASE("a client that closes and does not listen ends its visit")
{
    Visit visit;
    visit.client.reset();
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::errc::connection_reset);
}

TEST_CASE("a replayed hello is answered, but without the keys it leads nowhere")
{
    Visit visit;
    visit.send(visit.hello());
    settle(visit.loop);
    REQUIRE_FALSE(visit.receive().empty());
    RecordSealer guess = fixed_sealer(1);
    visit.send(seal(guess, message_frame(Hello{"a"})));
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::errc::protocol_error);
}

TEST_CASE("nothing but a hello may come first after the handshake")
{
    struct Case {
        const char* name;
        Buffer frames;
    };
    for (const auto& each :
         {Case{"a packet", packet_frame(pattern(1, 60)) + message_frame(Hello{"a"})},
          Case{"a goodbye", message_frame(Close{}) + message_frame(Hello{"a"})},
          Case{"a tunnel config", message_frame(TunnelConfig{}) + message_frame(Hello{"a"})}}) {
        CAPTURE(each.name);
        Visit visit;
        visit.shake_hands();
        visit.send_record(each.frames);
        REQUIRE(visit.fails());
        CHECK(visit.error() == std::errc::protocol_error);
    }
}

TEST_CASE("a client that closes after the handshake ends its visit")
{
    Visit visit;
    visit.shake_hands();
    visit.client.reset();
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::errc::connection_reset);
}
