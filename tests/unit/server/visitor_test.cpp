#include "server/visitor.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <optional>

using namespace braid;
using namespace braid::test;

namespace {

const Buffer refused_unit{std::byte{3}, std::byte{0}, std::byte{0}, std::byte{0}};

/// A visitor whose listener destroys it when it has to, and the client's side by hand.
struct Visit : Visitor::Listener {
    explicit Visit(StreamPair pair = {}) : client(std::move(pair.there))
    {
        visitor = std::make_unique<Visitor>(loop, std::move(pair.here), endpoint("192.0.2.1:40000"),
                                            server_key, static_cast<Visitor::Listener&>(*this));
    }

    bool allows_handshake(const Visitor& from) override
    {
        CHECK(&from == visitor.get());
        return idle;
    }
    const PresharedKey* find_client(const PublicKey& key) override
    {
        return known && key == client_key.public_key() ? &psk : nullptr;
    }
    AeadMaker maker_of(Cipher) override { return AeadMaker::libsodium; }
    Result<JoinedLane> join(Bytes unit, MutBytes out) override
    {
        return joins.join(unit, out, TimePoint{});
    }
    void on_admission(Visitor& from, Admission admission, Fd fd, Bytes received) override
    {
        CHECK(&from == visitor.get());
        admitted.push_back(std::move(admission));
        connection = std::move(fd);
        behind.assign(received.begin(), received.end());
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

    bool is_admitted()
    {
        return runs_until(loop, patience, [&] { return !admitted.empty(); });
    }
    /// True when the visit has ended within the time, once and not in an admission.
    bool fails()
    {
        const bool ended = runs_until(loop, patience, [&] { return !ends.empty(); });
        settle(loop);
        return ended && ends.size() == 1 && admitted.empty();
    }
    [[nodiscard]] std::error_code error() const { return ends.front().code; }

    Loop loop;
    PrivateKey server_key = PrivateKey::generate();
    PrivateKey client_key = PrivateKey::generate();
    PresharedKey psk = PresharedKey::generate();
    JoinTable joins;
    bool known = true;
    bool idle = true;
    Fd client;
    ClientHandshake handshake{{.own = client_key, .server = server_key.public_key(), .psk = psk}};
    std::optional<RecordSealer> sealer;
    std::optional<RecordOpener> opener;
    std::vector<Admission> admitted;
    Fd connection;
    Buffer behind;
    std::vector<Error> ends;
    std::unique_ptr<Visitor> visitor;
};

Buffer text_bytes(std::string_view text)
{
    const Bytes bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

} // namespace

TEST_CASE("a client that proves its key and says hello is admitted with its connection")
{
    Visit visit;
    CHECK(visit.visitor->remote() == endpoint("192.0.2.1:40000"));
    visit.shake_hands();
    CHECK(visit.admitted.empty());
    CHECK(visit.visitor->keys_known());
    visit.send_record(message_frame(Hello{"braid test"}));
    REQUIRE(visit.is_admitted());
    const auto& who = std::get<NewSession>(visit.admitted.front().who);
    CHECK(who.client == visit.client_key.public_key());
    CHECK(who.hello.software == "braid test");
    CHECK(visit.behind.empty());
    CHECK(visit.ends.empty());
    REQUIRE(::send(visit.connection.get(), "x", 1, MSG_NOSIGNAL) == 1);
    CHECK(visit.receive().size() == 1);
}

TEST_CASE("what comes behind the confirmation goes with the admission")
{
    Visit visit;
    visit.shake_hands();
    const Buffer first = seal(*visit.sealer, message_frame(Hello{"a"}));
    const Buffer second = seal(*visit.sealer, packet_frame(pattern(1, 60)));
    visit.send(first + second);
    REQUIRE(visit.is_admitted());
    CHECK(visit.behind == second);
}

TEST_CASE("a lane joins in one round trip")
{
    Visit visit;
    visit.joins.open(7, {.id = {}, .cipher = Cipher::chacha20_poly1305, .secret = fixed_secret(9)},
                     TimePoint{});
    ClientJoin join{LaneChain{fixed_secret(9)}.next()};
    Buffer unit(lane_join_size);
    REQUIRE(join.start(unit));
    visit.send(unit);
    Buffer reply;
    REQUIRE(runs_until(visit.loop, patience, [&] {
        reply = visit.receive();
        return !reply.empty();
    }));
    auto secrets = join.on_reply(reply);
    REQUIRE(secrets);
    RecordSealer sealer{Cipher::chacha20_poly1305, std::move(secrets->client_to_server)};
    visit.send(seal(sealer, message_frame(LaneHello{})));
    REQUIRE(visit.is_admitted());
    CHECK(std::get<FurtherLane>(visit.admitted.front().who).peer == 7);
}

TEST_CASE("a client that proves its key and says nothing is not yet admitted")
{
    Visit visit;
    visit.shake_hands();
    settle(visit.loop);
    CHECK(visit.admitted.empty());
    CHECK(visit.ends.empty());
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

TEST_CASE(
    "a client that comes while there is no time for handshakes is not told that it is refused")
{
    Visit visit;
    visit.idle = false;
    visit.send(visit.hello());
    REQUIRE(visit.fails());
    CHECK(visit.error() == Reception::busy);
    CHECK(visit.receive().empty());
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

TEST_CASE("a client that leaves after the handshake has not been refused")
{
    Visit visit;
    visit.shake_hands();
    visit.client.reset();
    REQUIRE(visit.fails());
    CHECK(visit.error() == std::errc::connection_aborted);
}
