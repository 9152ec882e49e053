#include "common/queue/fair_queue.hpp"
#include "common/queue/packet_pool.hpp"

#include <benchmark/benchmark.h>
#include <cstdint>
#include <optional>
#include <utility>

using namespace braid;

namespace {

constexpr std::size_t standing = 64; ///< packets that wait all the time: one turn of TUN reads

[[nodiscard]] QueuedPacket packet_of(PacketPool& pool, std::size_t size, FlowHash flow)
{
    auto buffer = pool.large();
    buffer.set(PacketPool::headroom, size);
    return {.buffer = pool.shrink(std::move(buffer)), .offload = {}, .flow = flow, .queued_at = {}};
}

/// A buffer for a read from the TUN, the packet moved to one of its size, and back to the pool.
void pool(benchmark::State& state)
{
    const auto size = static_cast<std::size_t>(state.range(0));
    PacketPool pool;
    for ([[maybe_unused]] auto each : state) benchmark::DoNotOptimize(packet_of(pool, size, 0));
}

/// A packet goes in and one comes out; buffers of their own are not counted: the one that came
/// out goes in again.
void push_and_pop(benchmark::State& state)
{
    const auto flows = static_cast<FlowHash>(state.range(0));
    PacketPool pool;
    FairQueue queue;
    for (FlowHash number = 0; number <= standing; ++number)
        queue.push(packet_of(pool, 1500, number % flows));
    auto packet = queue.pop();
    for ([[maybe_unused]] auto each : state) {
        queue.push(std::move(*packet));
        packet = queue.pop();
        benchmark::DoNotOptimize(packet);
    }
}

/// The same for packets that pass an empty queue.
void push_and_pop_when_empty(benchmark::State& state)
{
    PacketPool pool;
    FairQueue queue;
    auto packet = std::optional{packet_of(pool, 1500, 1)};
    for ([[maybe_unused]] auto each : state) {
        queue.push(std::move(*packet));
        packet = queue.pop();
        benchmark::DoNotOptimize(packet);
    }
}

} // namespace

BENCHMARK(pool)->Arg(64)->Arg(1500)->Arg(65000);
BENCHMARK(push_and_pop)->Arg(1)->Arg(16)->Arg(64);
BENCHMARK(push_and_pop_when_empty);
