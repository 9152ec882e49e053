#include "server/join_table.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>

using namespace braid;
using namespace braid::test;

namespace {

constexpr TimePoint start{};

JoinTable::Session session(std::uint8_t number)
{
    return {.id = {std::byte{number}},
            .cipher = Cipher::chacha20_poly1305,
            .secret = fixed_secret(number)};
}

/// A client of the session with that number.
class Joiner {
public:
    explicit Joiner(std::uint8_t number) : chain_(fixed_secret(number)) {}
    Buffer next()
    {
        ClientJoin join{chain_.next()};
        Buffer unit(lane_join_size);
        REQUIRE(join.start(unit));
        return unit;
    }

private:
    LaneChain chain_;
};

std::optional<std::size_t> peer_of(JoinTable& table, Bytes unit, TimePoint now = start)
{
    Buffer reply(lane_accept_size);
    const auto joined = table.join(unit, reply, now);
    if (!joined) return std::nullopt;
    return joined->peer;
}

} // namespace

TEST_CASE("a join finds its session")
{
    JoinTable table;
    table.open(1, session(1), start);
    table.open(2, session(2), start);
    Joiner first{1};
    Joiner second{2};
    CHECK(peer_of(table, second.next()) == 2);
    CHECK(peer_of(table, first.next()) == 1);
    CHECK(table.holds(1, session(1).id));
    CHECK_FALSE(table.holds(1, session(2).id));
}

TEST_CASE("a session takes many lanes, each join once")
{
    JoinTable table;
    table.open(1, session(1), start);
    Joiner client{1};
    for (int i = 0; i < 100; ++i) {
        const Buffer unit = client.next();
        const TimePoint now = start + i * JoinTable::join_every;
        CHECK(peer_of(table, unit, now) == 1);
        CHECK_FALSE(peer_of(table, unit, now));
    }
}

TEST_CASE("a session that joins too often has to wait, and loses nothing by it")
{
    JoinTable table;
    table.open(1, session(1), start);
    table.open(2, session(2), start);
    Joiner client{1};
    for (int i = 0; i < JoinTable::joins_at_once; ++i) CHECK(peer_of(table, client.next()) == 1);
    const Buffer next = client.next();
    Buffer reply(lane_accept_size);
    const auto refused = table.join(next, reply, start);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == std::errc::resource_unavailable_try_again);
    CHECK(peer_of(table, Joiner{2}.next()) == 2);
    CHECK(peer_of(table, next, start + JoinTable::join_every) == 1);
    CHECK_FALSE(peer_of(table, client.next(), start + JoinTable::join_every));
}

TEST_CASE("a join of no session is refused")
{
    JoinTable table;
    table.open(1, session(1), start);
    CHECK_FALSE(peer_of(table, Joiner{2}.next()));
    CHECK_FALSE(peer_of(table, Buffer(lane_join_size)));
    CHECK_FALSE(peer_of(table, {}));
}

TEST_CASE("a session that was replaced or closed takes no joins")
{
    JoinTable table;
    table.open(1, session(1), start);
    Joiner before{1};
    table.open(1, session(3), start);
    CHECK_FALSE(peer_of(table, before.next()));
    CHECK(peer_of(table, Joiner{3}.next()) == 1);
    table.close(1);
    table.close(1);
    CHECK_FALSE(peer_of(table, Joiner{3}.next()));
    CHECK_FALSE(table.holds(1, session(3).id));
}

TEST_CASE("a session takes joins until its life is over")
{
    JoinTable table;
    table.open(1, session(1), start);
    Joiner client{1};
    const TimePoint end = start + JoinTable::session_life;
    CHECK(peer_of(table, client.next(), end - 1s) == 1);
    CHECK_FALSE(peer_of(table, client.next(), end));
    CHECK(table.holds(1, session(1).id));
    table.expire(end - 1s);
    CHECK(table.holds(1, session(1).id));
    table.expire(end);
    CHECK_FALSE(table.holds(1, session(1).id));
}
