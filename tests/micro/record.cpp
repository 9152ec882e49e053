#include "common/crypto/record.hpp"

#include "common/crypto/aead_makers.hpp"
#include "tests/micro/batch_time.hpp"
#include "tests/micro/record_text.hpp"

#include <array>
#include <benchmark/benchmark.h>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::micro;

namespace {

[[nodiscard]] std::vector<std::byte> text_of(const benchmark::State& state)
{
    return frames(static_cast<std::size_t>(state.range(0)),
                  static_cast<std::size_t>(state.range(1)));
}

/// The library that a daemon would choose here.
[[nodiscard]] AeadMaker maker_of(Cipher cipher)
{
    static const auto makers = AeadMakers::measured();
    return makers.of(cipher);
}

/// Seals one more record, under a new key when it is time.
[[nodiscard]] bool seal_next(RecordSealer& sealer, Bytes text, MutBytes out)
{
    if (sealer.should_rekey()) sealer.rekey();
    const std::array segments{text};
    return sealer.seal(segments, out).has_value();
}

/// A whole record from a plaintext that already lies at its place.
template <Cipher cipher>
void seal_record(benchmark::State& state)
{
    if (!Aead::supported(cipher)) return state.SkipWithError("not supported here");
    RecordSealer sealer{cipher, Secret<32>{}, {}, maker_of(cipher)};
    const auto text = text_of(state);
    std::vector<std::byte> out(text.size() + sealer.overhead());
    bool all_sealed = true;
    for ([[maybe_unused]] auto each : state) {
        const auto place = Bytes{out}.subspan(unit_header_size, text.size());
        all_sealed = seal_next(sealer, place, out) && all_sealed;
        benchmark::ClobberMemory();
    }
    if (!all_sealed) state.SkipWithError("a record could not be sealed");
    set_bytes(state, text.size());
}

/// The same back: found in the stream, opened in place.
template <Cipher cipher>
void open_record(benchmark::State& state)
{
    if (!Aead::supported(cipher)) return state.SkipWithError("not supported here");
    RecordSealer sealer{cipher, Secret<32>{}, {}, maker_of(cipher)};
    RecordOpener opener{cipher, Secret<32>{}, {}, maker_of(cipher)};
    const auto text = text_of(state);
    std::vector records(batch_of(text.size()),
                        std::vector<std::byte>(text.size() + sealer.overhead()));
    bool all_right = true;
    const auto make = [&] {
        for (auto& each : records) all_right = seal_next(sealer, text, each) && all_right;
    };
    time_batches(state, records.size(), make, [&] {
        for (auto& each : records) {
            const auto unit = next_unit(each);
            all_right = unit && opener.open(each).has_value() && all_right;
        }
    });
    if (!all_right) state.SkipWithError("a record did not open");
    set_bytes(state, text.size());
}

/// One small packet, one of full size, as many of these as a record holds, one super-packet.
void shapes(benchmark::internal::Benchmark* benchmark)
{
    benchmark->ArgNames({"frames", "bytes"});
    for (const auto& [count, size] : {std::pair{1, 92}, {1, 1500}, {43, 1500}, {1, 65000}})
        benchmark->Args({count, size});
}

} // namespace

BENCHMARK_TEMPLATE(seal_record, Cipher::aes256_gcm)->Apply(shapes);
BENCHMARK_TEMPLATE(open_record, Cipher::aes256_gcm)->Apply(shapes)->UseManualTime();
BENCHMARK_TEMPLATE(seal_record, Cipher::aegis256)->Apply(shapes);
BENCHMARK_TEMPLATE(open_record, Cipher::aegis256)->Apply(shapes)->UseManualTime();
BENCHMARK_TEMPLATE(seal_record, Cipher::chacha20_poly1305)->Apply(shapes);
BENCHMARK_TEMPLATE(open_record, Cipher::chacha20_poly1305)->Apply(shapes)->UseManualTime();
