#include "common/wire/frame.hpp"

#include "tests/micro/record_text.hpp"

#include <benchmark/benchmark.h>
#include <cstdint>

using namespace braid;

namespace {

void write_header(benchmark::State& state)
{
    Offload offload{.needs_checksum = true, .ecn = false, .gso = Gso::tcp4, .segment_size = 1448};
    for ([[maybe_unused]] auto each : state) {
        benchmark::DoNotOptimize(offload);
        benchmark::DoNotOptimize(packet_frame_header(offload, 64000));
    }
}

/// Each iteration reads all frames of one record; items are frames.
void read(benchmark::State& state)
{
    const auto count = static_cast<std::size_t>(state.range(0));
    const auto text = micro::frames(count, static_cast<std::size_t>(state.range(1)));
    for ([[maybe_unused]] auto each : state) {
        FrameReader reader{text};
        for (auto frame = reader.next(); frame && *frame; frame = reader.next())
            benchmark::DoNotOptimize(frame);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

} // namespace

BENCHMARK(write_header)->Name("frame_header");
BENCHMARK(read)
    ->Name("frames_of_record")
    ->ArgNames({"frames", "bytes"})
    ->Args({1, 65000})
    ->Args({43, 1500})
    ->Args({655, 92});
