#include "common/sys/workers.hpp"
#include "common/crypto/record.hpp"
#include "common/sys/loop.hpp"
#include "tests/micro/batch_time.hpp"
#include "tests/micro/record_text.hpp"

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

using namespace braid;
using namespace braid::micro;

namespace {

constexpr std::size_t record_text = std::size_t{60} * 1024;
constexpr std::size_t batch = 8; ///< as many as a busy lane has under way

struct Sealing : Job {
    void run(std::size_t thread) noexcept override
    {
        const std::array segments{Bytes{text}};
        work->run(segments, thread);
    }
    std::vector<std::byte> text = frames(1, record_text);
    std::vector<std::byte> record;
    std::optional<SealWork> work;
};

struct Opening : Job {
    void run(std::size_t thread) noexcept override { good = work->run(thread); }
    std::optional<OpenWork> work;
    bool good = false;
};

/// Jobs done by so many threads, or by this one where there are none.
class Pool : private WorkLine::Owner {
public:
    explicit Pool(std::size_t threads)
    {
        if (threads == 0) return;
        workers_ = Workers::start(loop_, threads).value();
        line_.emplace(*workers_, static_cast<WorkLine::Owner&>(*this));
    }
    template <typename Jobs>
    void run(Jobs& jobs)
    {
        for (auto& job : jobs) {
            if (line_)
                line_->submit(job);
            else
                job.run(0);
        }
        if (!line_) return;
        all_done_ = [&jobs] {
            return std::ranges::all_of(jobs, [](const auto& job) { return job.done(); });
        };
        if (!all_done_()) loop_.run();
    }

private:
    void on_work_done() override
    {
        if (all_done_()) loop_.stop();
    }
    Loop loop_;
    std::unique_ptr<Workers> workers_;
    std::optional<WorkLine> line_;
    std::function<bool()> all_done_ = [] { return true; };
};

template <Cipher cipher>
[[nodiscard]] AeadMaker maker()
{
    return Aead::supported(cipher, AeadMaker::libcrypto) ? AeadMaker::libcrypto
                                                         : AeadMaker::libsodium;
}

/// A batch of records of 60 KiB is begun, and sealed by so many threads beside this one.
template <Cipher cipher>
void seal_batch(benchmark::State& state)
{
    if (!Aead::supported(cipher)) return state.SkipWithError("not supported here");
    RecordSealer sealer{cipher, Secret<32>{}, {}, maker<cipher>()};
    Pool pool{static_cast<std::size_t>(state.range(0))};
    std::array<Sealing, batch> jobs;
    for (auto& job : jobs) job.record.resize(job.text.size() + sealer.overhead());
    bool all_right = true;
    time_batches(
        state, batch,
        [&] {
            if (sealer.should_rekey()) sealer.rekey();
        },
        [&] {
            for (auto& job : jobs) {
                const auto work = sealer.begin(job.text.size(), job.record);
                all_right = all_right && work.has_value();
                if (work) job.work = *work;
            }
            pool.run(jobs);
        });
    if (!all_right) state.SkipWithError("a record could not be sealed");
    set_bytes(state, record_text);
}

/// The same back.
template <Cipher cipher>
void open_batch(benchmark::State& state)
{
    if (!Aead::supported(cipher)) return state.SkipWithError("not supported here");
    RecordSealer sealer{cipher, Secret<32>{}, {}, maker<cipher>()};
    RecordOpener opener{cipher, Secret<32>{}, {}, maker<cipher>()};
    Pool pool{static_cast<std::size_t>(state.range(0))};
    const auto text = frames(1, record_text);
    const std::array segments{Bytes{text}};
    std::array<Opening, batch> jobs;
    std::vector records(batch, std::vector<std::byte>(text.size() + sealer.overhead()));
    bool all_right = true;
    const auto make = [&] {
        for (auto& each : records) all_right = sealer.seal(segments, each).has_value() && all_right;
    };
    time_batches(state, batch, make, [&] {
        for (std::size_t i = 0; i < batch; ++i) jobs[i].work = opener.begin(records[i]);
        pool.run(jobs);
        for (const auto& job : jobs) all_right = all_right && job.good;
    });
    if (!all_right) state.SkipWithError("a record did not open");
    set_bytes(state, record_text);
}

void threads(benchmark::internal::Benchmark* benchmark)
{
    benchmark->ArgName("threads")->Arg(0)->Arg(1)->Arg(2)->UseManualTime();
}

} // namespace

BENCHMARK_TEMPLATE(seal_batch, Cipher::aes256_gcm)->Apply(threads);
BENCHMARK_TEMPLATE(open_batch, Cipher::aes256_gcm)->Apply(threads);
BENCHMARK_TEMPLATE(seal_batch, Cipher::chacha20_poly1305)->Apply(threads);
BENCHMARK_TEMPLATE(open_batch, Cipher::chacha20_poly1305)->Apply(threads);
