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

void seal(benchmark::State& state, Cipher cipher, AeadMaker maker)
{
    if (!Aead::supported(cipher, maker)) return state.SkipWithError("not supported here");
    const Aead aead{cipher, Secret<32>{}, maker};
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

void open(benchmark::State& state, Cipher cipher, AeadMaker maker)
{
    if (!Aead::supported(cipher, maker)) return state.SkipWithError("not supported here");
    const Aead aead{cipher, Secret<32>{}, maker};
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

/// From a small packet to the largest record of one super-packet; 8 KiB are a shaped lane's.
void sizes(benchmark::internal::Benchmark* benchmark)
{
    for (const auto size : {64, 256, 1400, 4096, 8192, 16384, 65536}) benchmark->Arg(size);
    benchmark->MinTime(0.2);
}

} // namespace

// Each cipher by each library that may have it.
BENCHMARK_CAPTURE(seal, aes256_gcm_libcrypto, Cipher::aes256_gcm, AeadMaker::libcrypto)
    ->Apply(sizes);
BENCHMARK_CAPTURE(open, aes256_gcm_libcrypto, Cipher::aes256_gcm, AeadMaker::libcrypto)
    ->Apply(sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(seal, aes256_gcm_libsodium, Cipher::aes256_gcm, AeadMaker::libsodium)
    ->Apply(sizes);
BENCHMARK_CAPTURE(open, aes256_gcm_libsodium, Cipher::aes256_gcm, AeadMaker::libsodium)
    ->Apply(sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(seal, chacha20_poly1305_libcrypto, Cipher::chacha20_poly1305,
                  AeadMaker::libcrypto)
    ->Apply(sizes);
BENCHMARK_CAPTURE(open, chacha20_poly1305_libcrypto, Cipher::chacha20_poly1305,
                  AeadMaker::libcrypto)
    ->Apply(sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(seal, chacha20_poly1305_libsodium, Cipher::chacha20_poly1305,
                  AeadMaker::libsodium)
    ->Apply(sizes);
BENCHMARK_CAPTURE(open, chacha20_poly1305_libsodium, Cipher::chacha20_poly1305,
                  AeadMaker::libsodium)
    ->Apply(sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(seal, aegis256_libsodium, Cipher::aegis256, AeadMaker::libsodium)->Apply(sizes);
BENCHMARK_CAPTURE(open, aegis256_libsodium, Cipher::aegis256, AeadMaker::libsodium)
    ->Apply(sizes)
    ->UseManualTime();
