#include "common/session/record_workers.hpp"

#include "common/crypto/record.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace braid {
namespace {

static_assert(Workers::max_threads + 1 == max_record_threads);

constexpr auto in_use_for = 1s; ///< after the last record

std::size_t helpers_of(const RecordWorkers::Wanted& wanted)
{
    if (wanted) return *wanted - 1;
    return std::min(usable_cpus() - 1, RecordWorkers::most_automatic);
}

} // namespace

RecordWorkers::RecordWorkers(Loop& loop, Wanted wanted)
    : loop_(loop), wanted_(wanted), helpers_(helpers_of(wanted))
{
    if (helpers_ == 0 || wanted_) return;
    auto meter = CpuMeter::open();
    if (meter)
        meter_.emplace(std::move(*meter));
    else
        spdlog::warn("no worker threads will be used reason=\"{}\"", meter.error().text());
}

Workers* RecordWorkers::for_bulk()
{
    if (helpers_ == 0) return nullptr;
    const TimePoint now = loop_.now();
    if (!worthwhile(now)) return nullptr;
    if (!workers_) start();
    if (workers_) used_at_ = now;
    return workers_.get();
}

bool RecordWorkers::worthwhile(TimePoint now)
{
    if (wanted_) return true;
    if (!meter_ || !use_.due(now)) return use_.pool();
    const bool before = use_.pool();
    if (const auto time = meter_->read()) use_.sample(*time, now);
    if (use_.pool() != before) spdlog::debug("worker threads in_use={}", use_.pool());
    return use_.pool();
}

void RecordWorkers::start()
{
    auto started = Workers::start(loop_, helpers_);
    if (started) {
        workers_ = std::move(*started);
        return;
    }
    helpers_ = 0;
    spdlog::warn("no worker threads are used reason=\"{}\"", started.error().text());
}

WorkersView RecordWorkers::view() const
{
    return {.wanted = wanted_,
            .threads = workers_ ? workers_->threads() : 0,
            .in_use = used_at_ && loop_.now() - *used_at_ < in_use_for};
}

WorkLine* RecordLine::for_bulk()
{
    Workers* const workers = workers_ != nullptr ? workers_->for_bulk() : nullptr;
    if (workers == nullptr) return nullptr;
    if (!line_) line_.emplace(*workers, owner_);
    return &*line_;
}

void RecordLine::finish()
{
    if (line_) line_->finish();
}

void RecordLine::cancel()
{
    if (line_) line_->cancel();
}

} // namespace braid
