#include "common/crypto/lane_join.hpp"

#include "common/crypto/handshake_fault.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using JoinUnit = std::array<std::byte, lane_join_size>;
using AcceptUnit = std::array<std::byte, lane_accept_size>;

[[nodiscard]] Secret<32> session_secret(std::byte value = std::byte{7})
{
    std::array<std::byte, 32> bytes{};
    bytes.fill(value);
    return Secret<32>{bytes};
}

/// A client's join of the next lane of a chain.
struct Join {
    ClientJoin client;
    JoinUnit unit{};

    explicit Join(LaneChain& chain) : client(chain.next())
    {
        const auto size = client.start(unit);
        REQUIRE(size);
        CHECK(*size == lane_join_size);
    }
};

/// Both ends of one session.
struct Session {
    LaneChain chain{session_secret()};
    LaneWindow window{session_secret()};

    [[nodiscard]] Join join() { return Join{chain}; }
    [[nodiscard]] std::vector<Join> joins(std::size_t count)
    {
        std::vector<Join> all;
        all.reserve(count);
        while (all.size() < count) all.push_back(join());
        return all;
    }
    void skip(std::size_t lanes)
    {
        while (lanes-- > 0) (void)chain.next();
    }
};

/// Why a window refuses a join, nullopt when it takes it.
[[nodiscard]] std::optional<std::errc> refusal(LaneWindow& window, Bytes unit)
{
    AcceptUnit reply{};
    const auto taken = window.accept(unit, reply);
    if (taken) return std::nullopt;
    CHECK(reply == AcceptUnit{});
    return static_cast<std::errc>(taken.error().code.value());
}

[[nodiscard]] bool equal(const LaneSecrets& a, const LaneSecrets& b)
{
    return a.client_to_server == b.client_to_server && a.server_to_client == b.server_to_client;
}

template <typename Unit>
[[nodiscard]] Unit with_flipped(Unit unit, std::size_t bit)
{
    unit[bit / 8] ^= std::byte{1} << (bit % 8);
    return unit;
}

[[nodiscard]] FillRandom giving(const std::vector<std::byte>& bytes)
{
    return [bytes](MutBytes out) { std::ranges::copy(bytes, out.begin()); };
}

} // namespace

TEST_CASE("both ends of a join agree on the keys of the lane")
{
    Session session;
    auto join = session.join();
    AcceptUnit reply{};
    const auto taken = session.window.accept(join.unit, reply);
    REQUIRE(taken);
    const auto got = join.client.on_reply(reply);
    REQUIRE(got);
    CHECK(equal(*got, *taken));
    CHECK_FALSE(got->client_to_server == got->server_to_client);
}

TEST_CASE("every lane has its own secret, ticket and keys")
{
    Session session;
    std::vector<LaneSecrets> lanes;
    std::vector<LaneTicket> tickets;
    for (int i = 0; i < 20; ++i) {
        auto join = session.join();
        AcceptUnit reply{};
        auto taken = session.window.accept(join.unit, reply);
        REQUIRE(taken);
        for (const auto& other : lanes) {
            CHECK_FALSE(other.client_to_server == taken->client_to_server);
            CHECK_FALSE(other.server_to_client == taken->server_to_client);
        }
        const auto ticket = ticket_of(join.unit);
        REQUIRE(ticket);
        CHECK(std::ranges::find(tickets, *ticket) == tickets.end());
        tickets.push_back(*ticket);
        lanes.push_back(std::move(*taken));
    }
}

TEST_CASE("the nonce of either end alone makes the keys of a lane fresh")
{
    Session session;
    auto join = session.join();
    LaneWindow again{session_secret()};
    AcceptUnit first{};
    AcceptUnit second{};
    const auto a = session.window.accept(join.unit, first);
    const auto b = again.accept(join.unit, second);
    REQUIRE((a && b));
    CHECK_FALSE(a->client_to_server == b->client_to_server);

    LaneChain chain{session_secret()};
    Join other{chain};
    CHECK(ticket_of(other.unit).value() == ticket_of(join.unit).value());
    CHECK(other.unit != join.unit);
}

TEST_CASE("joins and keys match the golden vectors")
{
    const VectorFile v{"lane_join.txt"};
    LaneChain chain{v.secret("session_secret")};
    LaneWindow window{v.secret("session_secret")};
    for (const std::string lane : {"lane_1_", "lane_2_", "lane_3_"}) {
        CAPTURE(lane);
        auto lane_secret = chain.next();
        CHECK(lane_secret == v.secret(lane + "secret"));

        ClientJoin client{std::move(lane_secret), giving(v[lane + "client_nonce"])};
        JoinUnit unit{};
        REQUIRE(client.start(unit));
        CHECK(copy_of(unit) == v[lane + "join"]);
        CHECK(copy_of(ticket_of(unit).value()) == v[lane + "ticket"]);

        AcceptUnit reply{};
        const auto taken = window.accept(unit, reply, giving(v[lane + "server_nonce"]));
        REQUIRE(taken);
        CHECK(copy_of(reply) == v[lane + "accept"]);
        CHECK(taken->client_to_server == v.secret(lane + "client_to_server"));
        CHECK(taken->server_to_client == v.secret(lane + "server_to_client"));
        const auto got = client.on_reply(reply);
        REQUIRE(got);
        CHECK(equal(*got, *taken));
    }
}

TEST_CASE("a window shows the tickets of the lanes within its reach that were not taken")
{
    Session session;
    LaneChain chain{session_secret()};
    std::vector<LaneTicket> all;
    all.reserve(40);
    while (all.size() < 40) all.push_back(ticket_of(Join{chain}.unit).value());
    const auto lanes = [&](std::size_t from, std::size_t to) {
        return std::vector<LaneTicket>{all.begin() + static_cast<long>(from) - 1,
                                       all.begin() + static_cast<long>(to)};
    };
    CHECK(session.window.tickets() == lanes(1, 8));

    session.skip(7);
    CHECK_FALSE(refusal(session.window, session.join().unit));
    auto expected = lanes(1, 16);
    expected.erase(expected.begin() + 7);
    CHECK(session.window.tickets() == expected);

    session.skip(7);
    CHECK_FALSE(refusal(session.window, session.join().unit));
    expected = lanes(9, 24); // 8 was taken before, 1 to 7 are behind its reach
    expected.erase(expected.begin() + 7);
    CHECK(session.window.tickets() == expected);
}

TEST_CASE("a join is taken once")
{
    Session session;
    const auto join = session.join();
    CHECK_FALSE(refusal(session.window, join.unit));
    const auto tickets = session.window.tickets();
    CHECK(refusal(session.window, join.unit) == handshake_fault::not_authentic);
    CHECK(session.window.tickets() == tickets);
}

TEST_CASE("a recorded join is still refused when its lane is far behind")
{
    Session session;
    const auto joins = session.joins(30);
    for (const auto& join : joins) CHECK_FALSE(refusal(session.window, join.unit));
    for (const auto& join : joins)
        CHECK(refusal(session.window, join.unit) == handshake_fault::not_authentic);
}

TEST_CASE("joins that overtake each other are all taken")
{
    Session session;
    auto joins = session.joins(LaneWindow::reach);
    for (auto join = joins.rbegin(); join != joins.rend(); ++join) {
        AcceptUnit reply{};
        const auto taken = session.window.accept(join->unit, reply);
        REQUIRE(taken);
        const auto got = join->client.on_reply(reply);
        REQUIRE(got);
        CHECK(equal(*got, *taken));
    }
    CHECK_FALSE(refusal(session.window, session.join().unit));
}

TEST_CASE("a join ahead of the reach is refused until those before it move the window")
{
    Session session;
    const auto first = session.join();
    session.skip(LaneWindow::reach - 1);
    const auto ninth = session.join();
    CHECK(refusal(session.window, ninth.unit) == handshake_fault::not_authentic);
    CHECK_FALSE(refusal(session.window, first.unit));
    CHECK_FALSE(refusal(session.window, ninth.unit));
}

TEST_CASE("a join behind the reach is refused")
{
    Session session;
    const auto first = session.join();
    const auto second = session.join();
    session.skip(5);
    CHECK_FALSE(refusal(session.window, session.join().unit)); // lane 8
    session.skip(1);
    CHECK_FALSE(refusal(session.window, session.join().unit)); // lane 10
    CHECK(refusal(session.window, first.unit) == handshake_fault::not_authentic);
    CHECK_FALSE(refusal(session.window, second.unit));
}

TEST_CASE("a join of another session is refused")
{
    Session session;
    LaneChain elsewhere{session_secret(std::byte{8})};
    const Join join{elsewhere};
    CHECK(refusal(session.window, join.unit) == handshake_fault::not_authentic);
    CHECK_FALSE(refusal(session.window, session.join().unit));
}

TEST_CASE("the parts of two good joins do not make a third")
{
    Session session;
    const auto first = session.join();
    const auto second = session.join();
    auto mixed = first.unit;
    std::ranges::copy(Bytes{second.unit}.subspan(unit_header_size + 16),
                      mixed.begin() + unit_header_size + 16);
    CHECK(refusal(session.window, mixed) == handshake_fault::not_authentic);
    CHECK_FALSE(refusal(session.window, first.unit));
    CHECK_FALSE(refusal(session.window, second.unit));
}

TEST_CASE("every flipped bit of a join is refused and changes nothing")
{
    Session session;
    const auto join = session.join();
    const auto tickets = session.window.tickets();
    for (std::size_t bit = 0; bit < join.unit.size() * 8; ++bit) {
        CAPTURE(bit);
        const auto expected = bit / 8 < unit_header_size ? handshake_fault::malformed
                                                         : handshake_fault::not_authentic;
        CHECK(refusal(session.window, with_flipped(join.unit, bit)) == expected);
        CHECK(session.window.tickets() == tickets);
    }
    CHECK_FALSE(refusal(session.window, join.unit));
}

TEST_CASE("every flipped bit of an accept is refused and the true one still works")
{
    Session session;
    auto join = session.join();
    AcceptUnit reply{};
    const auto taken = session.window.accept(join.unit, reply);
    REQUIRE(taken);
    for (std::size_t bit = 0; bit < reply.size() * 8; ++bit) {
        CAPTURE(bit);
        const auto got = join.client.on_reply(with_flipped(reply, bit));
        REQUIRE_FALSE(got);
        CHECK(got.error().code == (bit / 8 < unit_header_size ? handshake_fault::malformed
                                                              : handshake_fault::not_authentic));
    }
    const auto got = join.client.on_reply(reply);
    REQUIRE(got);
    CHECK(equal(*got, *taken));
}

TEST_CASE("the accept of another join is refused")
{
    Session session;
    auto first = session.join();
    auto second = session.join();
    AcceptUnit reply{};
    REQUIRE(session.window.accept(first.unit, reply));
    CHECK_FALSE(second.client.on_reply(reply));
    CHECK(first.client.on_reply(reply));
}

TEST_CASE("a join sent back is not an accept")
{
    Session session;
    auto join = session.join();
    CHECK_FALSE(join.client.on_reply(join.unit));
    auto reflected = Bytes{join.unit}.subspan(unit_header_size + 16); // nonce and proof
    AcceptUnit unit{};
    write_unit_header(unit, UnitType::lane_accept, reflected.size());
    std::ranges::copy(reflected, unit.begin() + unit_header_size);
    CHECK_FALSE(join.client.on_reply(unit));
}

TEST_CASE("joins and accepts cut or lengthened anywhere are malformed")
{
    Session session;
    auto join = session.join();
    AcceptUnit reply{};
    LaneWindow other{session_secret()};
    REQUIRE(other.accept(join.unit, reply));
    const auto refused = [&](Bytes join_unit, Bytes accept_unit) {
        CHECK_FALSE(ticket_of(join_unit));
        CHECK(refusal(session.window, join_unit) == handshake_fault::malformed);
        const auto got = join.client.on_reply(accept_unit);
        REQUIRE_FALSE(got);
        CHECK(got.error().code == handshake_fault::malformed);
    };
    for (std::size_t size = 0; size < lane_join_size; ++size) {
        CAPTURE(size);
        refused(Bytes{join.unit}.first(size), Bytes{reply}.first(std::min(size, reply.size() - 1)));
    }
    auto longer_join = copy_of(join.unit);
    auto longer_reply = copy_of(reply);
    longer_join.push_back(std::byte{0});
    longer_reply.push_back(std::byte{0});
    refused(longer_join, longer_reply);
    write_unit_header(longer_join, UnitType::lane_join, longer_join.size() - unit_header_size);
    write_unit_header(longer_reply, UnitType::lane_accept, longer_reply.size() - unit_header_size);
    refused(longer_join, longer_reply);
    CHECK(join.client.on_reply(reply));
}

TEST_CASE("each step of a join succeeds once")
{
    Session session;
    ClientJoin client{session.chain.next()};
    AcceptUnit reply{};
    CHECK_FALSE(client.on_reply(reply));

    JoinUnit unit{};
    REQUIRE(client.start(unit));
    JoinUnit again{};
    const auto restarted = client.start(again);
    REQUIRE_FALSE(restarted);
    CHECK(restarted.error().code == handshake_fault::malformed);
    CHECK(again == JoinUnit{});

    REQUIRE(session.window.accept(unit, reply));
    REQUIRE(client.on_reply(reply));
    const auto twice = client.on_reply(reply);
    REQUIRE_FALSE(twice);
    CHECK(twice.error().code == handshake_fault::malformed);
    CHECK_FALSE(client.start(again));
}
