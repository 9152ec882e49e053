/// Timing of what uses up its input, so that the input has to be made again in between.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/time.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstddef>

namespace braid::micro {

/// How many inputs of `size` bytes make a batch: so many that reading the clock does not count,
/// so few that all stay in the second cache.
[[nodiscard]] inline std::size_t batch_of(std::size_t size)
{
    constexpr std::size_t batch_bytes = std::size_t{256} * 1024;
    return std::clamp<std::size_t>(batch_bytes / size, 1, 1024);
}

/// Makes a batch and times its use, in turn; an iteration is one input of it. The benchmark needs
/// UseManualTime.
template <typename Make, typename Use>
void time_batches(benchmark::State& state, std::size_t batch, Make make, Use use)
{
    while (state.KeepRunningBatch(narrow<benchmark::IterationCount>(batch))) {
        make();
        const auto start = Clock::now();
        use();
        const std::chrono::duration<double> taken = Clock::now() - start;
        state.SetIterationTime(taken.count());
    }
}

/// Declares how many bytes one iteration is about; the report then has bytes for each second.
inline void set_bytes(benchmark::State& state, std::size_t size)
{
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

} // namespace braid::micro
