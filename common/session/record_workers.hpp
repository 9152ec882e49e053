/// When the ciphers of bulk records run on other threads, and what a lane has of these threads.
#pragma once

#include "common/crypto/aead_makers.hpp"
#include "common/session/worker_use.hpp"
#include "common/sys/cpu_time.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/workers.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace braid {

/// One for all lanes of a daemon. Threads are made when they are first of use, which is after the
/// daemon has given up its privileges. They stay, and sleep while they are not of use.
class RecordWorkers {
public:
    static constexpr std::size_t most_automatic = 3; ///< threads beside the loop
    /// `wanted` threads in all, the loop's own included: 1 for none beside it, more for bulk
    /// records in any case. None: as many as there are processors for, while WorkerUse finds that
    /// they pay.
    using Wanted = std::optional<std::uint32_t>;

    /// `auto` opens /proc/stat here and keeps it.
    RecordWorkers(Loop& loop, Wanted wanted);

    /// The threads that are to run the cipher of a bulk record now; null: the loop's own does.
    /// Asked for each such record.
    [[nodiscard]] Workers* for_bulk();
    /// In use is what was so within the last second.
    [[nodiscard]] WorkersView view() const;

private:
    [[nodiscard]] bool worthwhile(TimePoint now);
    /// Once: what failed is not tried again.
    void start();

    Loop& loop_;
    Wanted wanted_;
    std::size_t helpers_; ///< threads beside the loop's own, when they are of use
    std::optional<CpuMeter> meter_;
    WorkerUse use_;
    std::unique_ptr<Workers> workers_;
    std::optional<TimePoint> used_at_;
};

/// How a daemon's records are sealed and opened.
struct RecordCrypto {
    AeadMakers makers;
    RecordWorkers* workers = nullptr; ///< outlives every lane
};

/// A lane's place with the workers, from the first record on that goes there.
class RecordLine {
public:
    /// Null: the lane's records never go to another thread. Both outlive this object.
    RecordLine(RecordWorkers* workers, WorkLine::Owner& owner) : workers_(workers), owner_(owner) {}

    /// Where the cipher of a bulk record is to run now; null: here.
    [[nodiscard]] WorkLine* for_bulk();
    void finish();
    void cancel();

private:
    RecordWorkers* workers_;
    WorkLine::Owner& owner_;
    std::optional<WorkLine> line_;
};

} // namespace braid
