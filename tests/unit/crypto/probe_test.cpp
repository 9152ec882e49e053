#include "common/crypto/probe.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <limits>
#include <system_error>

using namespace braid;
using namespace braid::test;

namespace {

using Datagram = std::array<std::byte, probe_size>;

[[nodiscard]] LaneSecrets lane_secrets(unsigned char value)
{
    std::array<std::byte, 32> up{};
    std::array<std::byte, 32> down{};
    up.fill(std::byte{value});
    down.fill(~std::byte{value});
    return {.client_to_server = Secret<32>{up}, .server_to_client = Secret<32>{down}};
}

[[nodiscard]] Datagram written(ProbeKind kind, std::uint32_t number, const ProbeKeys& keys)
{
    Datagram datagram{};
    write_probe({.kind = kind, .number = number, .lane = keys.lane}, keys, datagram);
    return datagram;
}

} // namespace

TEST_CASE("probes match the golden vectors")
{
    const VectorFile vectors{"probe.txt"};
    const auto keys = ProbeKeys::of({.client_to_server = vectors.secret("client_to_server"),
                                     .server_to_client = vectors.secret("server_to_client")});
    CHECK(copy_of(keys.lane) == vectors["lane"]);
    CHECK(keys.probe == vectors.secret("probe_key"));
    CHECK(keys.echo == vectors.secret("echo_key"));
    const auto number = WireReader{vectors["number"]}.u32();
    CHECK(copy_of(written(ProbeKind::probe, number, keys)) == vectors["probe"]);
    CHECK(copy_of(written(ProbeKind::echo, number, keys)) == vectors["echo"]);
}

TEST_CASE("what is written is read again and authentic, for both kinds and any number")
{
    const auto keys = ProbeKeys::of(lane_secrets(1));
    for (const auto kind : {ProbeKind::probe, ProbeKind::echo}) {
        for (const std::uint32_t number : {0U, 1U, std::numeric_limits<std::uint32_t>::max()}) {
            const auto datagram = written(kind, number, keys);
            const auto probe = parse_probe(datagram);
            REQUIRE(probe);
            CHECK(*probe == Probe{.kind = kind, .number = number, .lane = keys.lane});
            CHECK(is_authentic(datagram, keys));
        }
    }
}

TEST_CASE("no changed bit, of either kind, leaves a probe authentic")
{
    const auto keys = ProbeKeys::of(lane_secrets(1));
    for (const auto kind : {ProbeKind::probe, ProbeKind::echo}) {
        for (std::size_t bit = 0; bit < 8 * probe_size; ++bit) {
            auto datagram = written(kind, 7, keys);
            datagram[bit / 8] ^= std::byte{1} << (bit % 8);
            CHECK_FALSE(is_authentic(datagram, keys));
        }
    }
}

TEST_CASE("a probe turned around is no echo")
{
    const auto keys = ProbeKeys::of(lane_secrets(1));
    auto datagram = written(ProbeKind::probe, 7, keys);
    datagram[0] = std::byte{2};
    REQUIRE(parse_probe(datagram));
    CHECK_FALSE(is_authentic(datagram, keys));
}

TEST_CASE("each lane has a name and keys of its own")
{
    const auto keys = ProbeKeys::of(lane_secrets(1));
    auto other = ProbeKeys::of(lane_secrets(2));
    CHECK(keys.lane != other.lane);
    CHECK_FALSE(keys.probe == other.probe);
    CHECK_FALSE(keys.echo == other.echo);
    CHECK_FALSE(keys.probe == keys.echo);
    const auto datagram = written(ProbeKind::probe, 7, keys);
    CHECK_FALSE(is_authentic(datagram, other));
    other.lane = keys.lane;
    CHECK_FALSE(is_authentic(datagram, other));
}

TEST_CASE("only 32 bytes of a known kind, with zeros behind it, are a probe")
{
    const auto keys = ProbeKeys::of(lane_secrets(1));
    const auto good = written(ProbeKind::probe, 7, keys);
    const auto refused = [](Bytes datagram) {
        const auto probe = parse_probe(datagram);
        return !probe && probe.error().code == std::errc::protocol_error;
    };
    for (std::size_t size = 0; size < probe_size; ++size) {
        CHECK(refused(Bytes{good}.first(size)));
        CHECK_FALSE(is_authentic(Bytes{good}.first(size), keys));
    }
    auto longer = copy_of(good);
    longer.push_back(std::byte{0});
    CHECK(refused(longer));
    for (const auto kind : {0, 3, 255}) {
        auto other = good;
        other[0] = static_cast<std::byte>(kind);
        CHECK(refused(other));
    }
    for (const std::size_t reserved : {1U, 2U, 3U}) {
        auto other = good;
        other[reserved] = std::byte{1};
        CHECK(refused(other));
    }
}
