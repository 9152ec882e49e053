#include "common/wire/packet.hpp"

#include "common/queue/flow.hpp"
#include "common/wire/offload.hpp"
#include "tests/unit/wire/sample_packets.hpp"

#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>

using namespace braid;

namespace {

constexpr std::uint32_t mtu = 1500;
constexpr std::size_t tcp_payload = 1448, super_payload = 44 * tcp_payload;

[[nodiscard]] test::Buffer tcp_over_ipv4(std::size_t payload)
{
    return test::ipv4(IPPROTO_TCP, test::tcp(payload, 32));
}

void parse(benchmark::State& state, const test::Buffer& packet)
{
    for ([[maybe_unused]] auto each : state) {
        benchmark::DoNotOptimize(packet.data());
        benchmark::DoNotOptimize(parse_packet(packet));
    }
}

void hash(benchmark::State& state, const test::Buffer& packet)
{
    const FlowKey key{};
    auto info = parse_packet(packet).value();
    for ([[maybe_unused]] auto each : state) {
        benchmark::DoNotOptimize(info);
        benchmark::DoNotOptimize(hash_flow(key, info));
    }
}

/// What the kernel says of a TCP super-packet, and what the peer makes of it: one packet's way
/// through both ends.
void describe_and_rebuild(benchmark::State& state, std::size_t payload)
{
    const auto packet = tcp_over_ipv4(payload);
    const auto info = parse_packet(packet).value();
    Offload offload{.needs_checksum = true, .ecn = false, .gso = Gso::none, .segment_size = 0};
    if (payload > tcp_payload) {
        offload.gso = Gso::tcp4;
        offload.segment_size = tcp_payload;
    }
    auto header = rebuild_vnet_header(offload, info, packet, mtu).value();
    for ([[maybe_unused]] auto each : state) {
        benchmark::DoNotOptimize(header);
        const auto described = describe_offload(header, info);
        benchmark::DoNotOptimize(rebuild_vnet_header(*described, info, packet, mtu));
    }
}

} // namespace

BENCHMARK_CAPTURE(parse, tcp4, tcp_over_ipv4(tcp_payload));
BENCHMARK_CAPTURE(parse, tcp6, test::ipv6(IPPROTO_TCP, test::tcp(tcp_payload, 32)));
BENCHMARK_CAPTURE(parse, udp4, test::ipv4(IPPROTO_UDP, test::udp(64)));
BENCHMARK_CAPTURE(hash, tcp4, tcp_over_ipv4(tcp_payload));
BENCHMARK_CAPTURE(hash, tcp6, test::ipv6(IPPROTO_TCP, test::tcp(tcp_payload, 32)));
BENCHMARK_CAPTURE(describe_and_rebuild, packet, tcp_payload);
BENCHMARK_CAPTURE(describe_and_rebuild, super_packet, super_payload);
