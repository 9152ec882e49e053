#include "tests/lab/link_direction.hpp"

#include <algorithm>
#include <utility>

namespace braid::lab {
namespace {

Duration transmission_time(std::uint64_t ip_bytes, std::uint64_t rate_bps)
{
    if (rate_bps == 0) return Duration{};
    constexpr std::uint64_t ns_per_s = 1'000'000'000;
    return Duration{static_cast<std::int64_t>(ip_bytes * 8 * ns_per_s / rate_bps)};
}

} // namespace

LinkDirection::LinkDirection(std::uint64_t seed) : random_(seed), ring_(max_packets) {}

void LinkDirection::configure(const LinkSettings& settings, std::optional<RateTrace> trace,
                              TimePoint now)
{
    advance(now); // what has left by now left under the old settings
    if (settings_.stall == Stall::on) departure_ = std::max(departure_, now);
    settings_ = settings;
    trace_.reset();
    if (trace) trace_.emplace(*std::move(trace), now);
    loss_.configure(settings.loss_percent, settings.burst_packets);
    const auto rate_bps = trace_ ? trace_->trace().mean_rate_bps() : settings.rate_bps;
    queue_limit_ = queue_limit_bytes(settings.queue, rate_bps);
}

bool LinkDirection::offer(Packet packet, TimePoint now)
{
    if (settings_.blackhole == Blackhole::on) {
        ++counters_.dropped_blackhole;
        return false;
    }
    advance(now);
    // An empty queue takes any packet: a bound below one packet must not stop the link.
    const bool overfull = queue_bytes_ > 0 && queue_bytes_ + packet.ip_bytes > queue_limit_;
    if (overfull || tail_ - head_ == max_packets) {
        ++counters_.dropped_queue;
        return false;
    }
    const bool transmitter_idle = departed_ == tail_;
    entry(tail_++) = {.packet = packet, .lost = loss_.loses_next(random_), .time = now};
    queue_bytes_ += packet.ip_bytes;
    if (transmitter_idle) start_transmission();
    return true;
}

std::optional<Departure> LinkDirection::take_due(TimePoint now)
{
    advance(now);
    if (head_ == departed_ || entry(head_).time > now) return std::nullopt;
    const Entry& due = entry(head_++);
    if (settings_.blackhole == Blackhole::on) {
        ++counters_.dropped_blackhole;
        return Departure{due.packet, Fate::blackholed};
    }
    if (due.lost) {
        ++counters_.dropped_loss;
        return Departure{due.packet, Fate::lost};
    }
    ++counters_.packets;
    counters_.bytes += due.packet.ip_bytes;
    return Departure{due.packet, Fate::delivered};
}

std::optional<TimePoint> LinkDirection::next_due() const
{
    if (head_ != departed_) return entry(head_).time;
    if (departed_ != tail_ && settings_.stall == Stall::off) return departure_;
    return std::nullopt;
}

void LinkDirection::advance(TimePoint now)
{
    if (settings_.stall == Stall::on) return;
    while (departed_ != tail_ && departure_ <= now) {
        finish_transmission();
        if (departed_ != tail_) start_transmission();
    }
}

void LinkDirection::start_transmission()
{
    const Entry& next = entry(departed_);
    const auto start = std::max(next.time, departure_);
    departure_ = trace_ ? trace_->departure(start, next.packet.ip_bytes)
                        : start + transmission_time(next.packet.ip_bytes, settings_.rate_bps);
}

void LinkDirection::finish_transmission()
{
    Entry& sent = entry(departed_++);
    queue_bytes_ -= sent.packet.ip_bytes;
    auto delay = settings_.delay;
    if (settings_.jitter > Duration{}) {
        const double share = random_.uniform() * 2 - 1;
        delay += Duration{
            static_cast<std::int64_t>(share * static_cast<double>(settings_.jitter.count()))};
    }
    sent.time = std::max(departure_ + std::max(delay, Duration{}), last_delivery_);
    last_delivery_ = sent.time;
}

} // namespace braid::lab
