#include "server/probe_table.hpp"

#include "common/crypto/keys.hpp"

#include <doctest/doctest.h>

using namespace braid;

namespace {

/// Keys of a lane of its own for each number.
[[nodiscard]] ProbeKeys keys_of(unsigned char number)
{
    static const bool ready = crypto::init().has_value();
    REQUIRE(ready);
    std::array<std::byte, 32> secret{};
    secret.fill(std::byte{number});
    return ProbeKeys::of(
        {.client_to_server = Secret<32>{secret}, .server_to_client = Secret<32>{secret}});
}

[[nodiscard]] ProbeTable::EchoDatagram made_by(unsigned char number, ProbeKind kind)
{
    const auto keys = keys_of(number);
    ProbeTable::EchoDatagram datagram{};
    write_probe({.kind = kind, .number = 5, .lane = keys.lane}, keys, datagram);
    return datagram;
}

[[nodiscard]] bool answers(const ProbeTable& table, unsigned char number)
{
    return table.answer(made_by(number, ProbeKind::probe)).has_value();
}

} // namespace

TEST_CASE("a probe of a lane that lives is answered with an authentic echo of its number")
{
    ProbeTable table;
    table.open(3, keys_of(1));
    const auto echo = table.answer(made_by(1, ProbeKind::probe));
    REQUIRE(echo);
    CHECK(is_authentic(*echo, keys_of(1)));
    CHECK(*parse_probe(*echo) ==
          Probe{.kind = ProbeKind::echo, .number = 5, .lane = keys_of(1).lane});
}

TEST_CASE("what is no authentic probe is not answered")
{
    ProbeTable table;
    CHECK_FALSE(answers(table, 1));
    table.open(3, keys_of(1));
    CHECK_FALSE(answers(table, 2));
    CHECK_FALSE(table.answer(made_by(1, ProbeKind::echo)));
    auto changed = made_by(1, ProbeKind::probe);
    changed.back() ^= std::byte{1};
    CHECK_FALSE(table.answer(changed));
    CHECK_FALSE(table.answer({}));
}

TEST_CASE("only the newest lane of a peer is answered, and none when it is closed")
{
    ProbeTable table;
    table.open(3, keys_of(1));
    table.open(4, keys_of(2));
    table.open(3, keys_of(3));
    CHECK_FALSE(answers(table, 1));
    CHECK(answers(table, 2));
    CHECK(answers(table, 3));
    table.close(3);
    table.close(3);
    CHECK_FALSE(answers(table, 3));
    CHECK(answers(table, 2));
}
