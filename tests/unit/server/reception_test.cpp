#include "server/reception.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <optional>

using namespace braid;
using namespace braid::test;

namespace {

constexpr std::size_t peer_number = 3;
const SessionId session_id{std::byte{1}, std::byte{2}};

/// A server with one client and one session that takes joins, and the client's side.
struct Meeting : Reception::Host {
    Meeting()
    {
        joins.open(
            peer_number,
            {.id = session_id, .cipher = Cipher::chacha20_poly1305, .secret = fixed_secret(9)},
            TimePoint{});
    }
    bool allows_handshake() override { return ++handshakes <= most_handshakes; }
    const PresharedKey* find_client(const PublicKey& key) override
    {
        return key == client_key.public_key() ? &psk : nullptr;
    }
    AeadMaker maker_of(Cipher) override { return AeadMaker::libsodium; }
    Result<JoinedLane> join(Bytes unit, MutBytes out) override
    {
        return joins.join(unit, out, TimePoint{});
    }

    [[nodiscard]] Buffer hello()
    {
        Buffer unit(client_hello_size);
        REQUIRE(handshake.start(unit));
        return unit;
    }
    [[nodiscard]] Buffer lane_join()
    {
        Buffer unit(lane_join_size);
        REQUIRE(client_join.start(unit));
        return unit;
    }
    /// The reception's answer to a hello; then `sealer` has its key.
    void shake_hands()
    {
        Buffer unit = hello();
        const auto step = reception.take(unit);
        REQUIRE(step);
        auto keys = handshake.on_reply(step->reply);
        REQUIRE(keys);
        sealer.emplace(keys->cipher, std::move(keys->client_to_server));
    }
    void join_lane()
    {
        Buffer unit = lane_join();
        const auto step = reception.take(unit);
        REQUIRE(step);
        auto keys = client_join.on_reply(step->reply);
        REQUIRE(keys);
        sealer.emplace(Cipher::chacha20_poly1305, std::move(keys->client_to_server));
    }
    /// What the reception says to one record with these frames.
    Result<Reception::Step> confirm(Bytes frames)
    {
        Buffer record = seal(*sealer, frames);
        return reception.take(record);
    }

    PrivateKey server_key = PrivateKey::generate();
    PrivateKey client_key = PrivateKey::generate();
    PresharedKey psk = PresharedKey::generate();
    JoinTable joins;
    int handshakes = 0;
    int most_handshakes = 1;
    ClientHandshake handshake{{.own = client_key, .server = server_key.public_key(), .psk = psk}};
    ClientJoin client_join{LaneChain{fixed_secret(9)}.next()};
    std::optional<RecordSealer> sealer;
    Reception reception{server_key, static_cast<Reception::Host&>(*this)};
};

} // namespace

TEST_CASE("a handshake that is confirmed by hello is a new session")
{
    Meeting meeting;
    meeting.shake_hands();
    CHECK(meeting.reception.keys_known());
    auto step = meeting.confirm(message_frame(Hello{"braid test"}));
    REQUIRE(step);
    REQUIRE(step->admission);
    const auto& who = std::get<NewSession>(step->admission->who);
    CHECK(who.client == meeting.client_key.public_key());
    CHECK(who.hello.software == "braid test");
    CHECK_FALSE(meeting.reception.keys_known());
}

TEST_CASE("a join that is confirmed by lane hello is a further lane")
{
    Meeting meeting;
    meeting.join_lane();
    CHECK(meeting.reception.keys_known());
    CHECK(meeting.handshakes == 0); // no public-key work
    auto step = meeting.confirm(message_frame(LaneHello{}));
    REQUIRE(step);
    REQUIRE(step->admission);
    const auto& who = std::get<FurtherLane>(step->admission->who);
    CHECK(who.peer == peer_number);
    CHECK(who.session == session_id);
}

TEST_CASE("a step takes what it has read of the stream, no more")
{
    Meeting meeting;
    Buffer stream = meeting.hello();
    stream.push_back(std::byte{6});
    const auto step = meeting.reception.take(stream);
    REQUIRE(step);
    CHECK(step->taken == client_hello_size);
    CHECK(step->reply.size() == server_hello_size);
    CHECK_FALSE(step->admission);
    // A header in part: it waits for the rest.
    const auto waiting = meeting.reception.take(MutBytes{stream}.subspan(step->taken));
    REQUIRE(waiting);
    CHECK(waiting->taken == 0);
}

TEST_CASE("any part of an opening is waited for, and costs nothing")
{
    Meeting meeting;
    for (Buffer whole : {meeting.hello(), meeting.lane_join()}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CAPTURE(size);
            const auto step = meeting.reception.take(MutBytes{whole}.first(size));
            REQUIRE(step);
            CHECK(step->taken == 0);
            CHECK(step->reply.empty());
        }
    }
    CHECK(meeting.handshakes == 0);
    CHECK_FALSE(meeting.reception.keys_known());
}

TEST_CASE("a hello that comes when there is no time for it costs no public-key work")
{
    Meeting meeting;
    meeting.most_handshakes = 0;
    Buffer hello = meeting.hello();
    const auto step = meeting.reception.take(hello);
    REQUIRE_FALSE(step);
    CHECK(step.error().code == Reception::busy);
    CHECK_FALSE(meeting.reception.keys_known());
}

TEST_CASE("a join that was recorded is refused when it is played again")
{
    Meeting meeting;
    Buffer unit = meeting.lane_join();
    REQUIRE(meeting.reception.take(unit));
    Reception other{meeting.server_key, static_cast<Reception::Host&>(meeting)};
    const auto again = other.take(unit);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == std::make_error_code(handshake_fault::not_authentic));
}

TEST_CASE("only a hello confirms a handshake, and only a lane hello a join")
{
    struct Case {
        const char* name;
        Buffer frames;
    };
    const auto packet = packet_frame(pattern(1, 60));
    for (const auto& each :
         {Case{"nothing", {}}, Case{"a packet", packet},
          Case{"a packet before", packet + message_frame(Hello{"a"})},
          Case{"a packet behind", message_frame(Hello{"a"}) + packet},
          Case{"two hellos", message_frame(Hello{}) + message_frame(Hello{})},
          Case{"a ping", message_frame(Ping{1})}, Case{"a goodbye", message_frame(Close{})},
          Case{"a tunnel config", message_frame(TunnelConfig{})}}) {
        CAPTURE(each.name);
        Meeting fresh;
        fresh.shake_hands();
        const auto hello = fresh.confirm(each.frames);
        REQUIRE_FALSE(hello);
        CHECK(hello.error().code == std::errc::protocol_error);
        Meeting further;
        further.join_lane();
        const auto lane_hello = further.confirm(each.frames);
        REQUIRE_FALSE(lane_hello);
        CHECK(lane_hello.error().code == std::errc::protocol_error);
    }
    Meeting fresh;
    fresh.shake_hands();
    CHECK_FALSE(fresh.confirm(message_frame(LaneHello{})));
    Meeting further;
    further.join_lane();
    CHECK_FALSE(further.confirm(message_frame(Hello{"a"})));
}

TEST_CASE("a confirmation in another key is refused")
{
    Meeting meeting;
    meeting.shake_hands();
    meeting.sealer.emplace(fixed_sealer(1));
    const auto step = meeting.confirm(message_frame(Hello{"a"}));
    REQUIRE_FALSE(step);
    CHECK(step.error().code == std::errc::protocol_error);
}

TEST_CASE("a unit that may not come now is refused by its header")
{
    struct Case {
        UnitType type;
        std::size_t length;
    };
    const auto header = [](const Case& each) {
        Buffer unit(unit_header_size);
        write_unit_header(unit, each.type, each.length);
        return unit;
    };
    for (const Case& each : {Case{UnitType::server_hello, 65}, Case{UnitType::refused, 0},
                             Case{UnitType::lane_accept, 48}, Case{UnitType::record, 100},
                             Case{UnitType::next_record, 100}}) {
        CAPTURE(static_cast<int>(each.type));
        Meeting meeting;
        Buffer unit = header(each);
        CHECK_FALSE(meeting.reception.take(unit));
    }
    for (const Case& each :
         {Case{UnitType::client_hello, 114}, Case{UnitType::lane_join, 64},
          Case{UnitType::next_record, 100}, Case{UnitType::record, Reception::room}}) {
        CAPTURE(static_cast<int>(each.type));
        Meeting meeting;
        meeting.shake_hands();
        Buffer unit = header(each);
        CHECK_FALSE(meeting.reception.take(unit));
    }
}
