#include "common/crypto/aead.hpp"

#include "tests/micro/batch_time.hpp"

#include <array>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <vector>

using namespace braid;
using namespace braid::micro;

namespace {

constexpr std::size_t header_size = 4; ///< of a record, authenticated with it

[[nodiscard]] std::size_t text_size(const benchmark::State& state)
{
    return static_cast<std::size_t>(state.range(0));
}

template <Cipher cipher>
void seal(benchmark::State& state)
{
    if (!Aead::supported(cipher)) return state.SkipWithError("not supported here");
    const Aead aead{cipher, Secret<32>{}};
    const auto size = text_size(state);
    std::vector<std::byte> out(size + tag_size(cipher));
    const std::array<std::byte, header_size> header{};
    const std::array segments{Bytes{out}.first(size)};
    std::uint64_t nonce = 0;
    for ([[maybe_unused]] auto each : state) {
        benchmark::DoNotOptimize(aead.seal(nonce++, header, segments, out));
        benchmark::ClobberMemory();
    }
    set_bytes(state, size);
}

template <Cipher cipher>
void open(benchmark::State& state)
{
    if (!Aead::supported(cipher)) return state.SkipWithError("not supported here");
    const Aead aead{cipher, Secret<32>{}};
    const auto size = text_size(state);
    const std::array<std::byte, header_size> header{};
    std::vector sealed(batch_of(size), std::vector<std::byte>(size + tag_size(cipher)));
    bool all_open = true;
    const auto make = [&] {
        for (auto& each : sealed) aead.seal(0, header, std::array{Bytes{each}.first(size)}, each);
    };
    time_batches(state, sealed.size(), make, [&] {
        for (auto& each : sealed) all_open = aead.open(0, header, each).has_value() && all_open;
    });
    if (!all_open) state.SkipWithError("a sealed text did not open");
    set_bytes(state, size);
}

/// From a small packet to the largest record of one super-packet.
void sizes(benchmark::internal::Benchmark* benchmark)
{
    for (const auto size : {64, 256, 1400, 4096, 16384, 65536}) benchmark->Arg(size);
}

} // namespace

BENCHMARK_TEMPLATE(seal, Cipher::chacha20_poly1305)->Apply(sizes);
BENCHMARK_TEMPLATE(open, Cipher::chacha20_poly1305)->Apply(sizes)->UseManualTime();
BENCHMARK_TEMPLATE(seal, Cipher::aes256_gcm)->Apply(sizes);
BENCHMARK_TEMPLATE(open, Cipher::aes256_gcm)->Apply(sizes)->UseManualTime();
BENCHMARK_TEMPLATE(seal, Cipher::aegis256)->Apply(sizes);
BENCHMARK_TEMPLATE(open, Cipher::aegis256)->Apply(sizes)->UseManualTime();
