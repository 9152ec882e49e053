// How LibcryptoAead::seal takes many segments: copied beside each other and sealed in one go, or
// each from where it lies. Its threshold between the two (short_segment) is judged by this.
#include "tests/micro/batch_time.hpp"

#include "common/wire/frame.hpp"

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <openssl/evp.h>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::micro;

namespace {

constexpr std::size_t record_size = 60'000; ///< of a busy lane: 40 packets of 1500 bytes
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t gather_all = std::numeric_limits<std::size_t>::max(), gather_headers = 64;

struct Free {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

[[nodiscard]] Context context_of(const EVP_CIPHER* cipher)
{
    constexpr std::array<unsigned char, 32> key{};
    Context context{EVP_CIPHER_CTX_new()};
    EVP_CipherInit_ex(context.get(), cipher, nullptr, key.data(), nullptr, 1);
    return context;
}

/// The packets of a record with their frame headers, each packet in memory of its own.
class Segments {
public:
    explicit Segments(std::size_t packet_size)
        : packets_(std::max<std::size_t>(record_size / packet_size, 1),
                   std::vector<std::byte>(packet_size))
    {
        for (const auto& packet : packets_) {
            all_.emplace_back(header_);
            all_.emplace_back(packet);
            size_ += header_.size() + packet.size();
        }
    }
    [[nodiscard]] std::span<const Bytes> all() const noexcept { return all_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    FrameHeader header_ = packet_frame_header({}, 1500);
    std::vector<std::vector<std::byte>> packets_;
    std::vector<Bytes> all_;
    std::size_t size_ = 0;
};

/// As LibcryptoAead::seal does it: what is shorter than `threshold` is gathered.
void seal_segments(EVP_CIPHER_CTX* context, std::span<const Bytes> segments, MutBytes out,
                   std::size_t threshold)
{
    MutBytes rest = out;
    std::size_t gathered = 0;
    int written = 0;
    const auto seal_next = [&](Bytes part) {
        if (part.empty()) return;
        EVP_CipherUpdate(context, uchars(rest), &written, uchars(part), narrow<int>(part.size()));
        rest = rest.subspan(part.size());
    };
    for (const Bytes segment : segments) {
        if (segment.size() < threshold) {
            std::memcpy(rest.data() + gathered, segment.data(), segment.size());
            gathered += segment.size();
        } else {
            seal_next(rest.first(std::exchange(gathered, 0)));
            seal_next(segment);
        }
    }
    seal_next(rest.first(gathered));
    EVP_CipherFinal_ex(context, uchars(rest), &written);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, rest.data());
}

/// Each iteration seals one record; items are packets.
void gather(benchmark::State& state, const EVP_CIPHER* cipher, std::size_t threshold)
{
    const auto context = context_of(cipher);
    const Segments segments{static_cast<std::size_t>(state.range(0))};
    std::vector<std::byte> out(segments.size() + tag_bytes);
    std::array<unsigned char, 12> nonce{};
    for ([[maybe_unused]] auto each : state) {
        ++nonce[0]; // what is sealed does not matter here, and goes nowhere
        EVP_CipherInit_ex(context.get(), nullptr, nullptr, nullptr, nonce.data(), 1);
        seal_segments(context.get(), segments.all(), out, threshold);
        benchmark::ClobberMemory();
    }
    set_bytes(state, segments.size());
    state.SetItemsProcessed(state.iterations() *
                            static_cast<std::int64_t>(segments.all().size() / 2));
}

void packet_sizes(benchmark::internal::Benchmark* benchmark)
{
    benchmark->ArgName("packet");
    for (const auto size : {256, 512, 1024, 1500, 2048, 3072, 4096, 8192, 16384, 65000})
        benchmark->Arg(size);
    benchmark->MinTime(0.2);
}

} // namespace

BENCHMARK_CAPTURE(gather, aes256_gcm_copied, EVP_aes_256_gcm(), gather_all)->Apply(packet_sizes);
BENCHMARK_CAPTURE(gather, aes256_gcm_in_place, EVP_aes_256_gcm(), gather_headers)
    ->Apply(packet_sizes);
BENCHMARK_CAPTURE(gather, chacha20_copied, EVP_chacha20_poly1305(), gather_all)
    ->Apply(packet_sizes);
BENCHMARK_CAPTURE(gather, chacha20_in_place, EVP_chacha20_poly1305(), gather_headers)
    ->Apply(packet_sizes);
