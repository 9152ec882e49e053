// One direction of an emulated link: a bounded queue, a transmitter of a given rate, and a delay
// line behind it. Pure: it holds slot numbers instead of packets and is told the time.
#pragma once

#include "tests/lab/link_settings.hpp"
#include "tests/lab/loss_model.hpp"
#include "tests/lab/rate_trace.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace braid::lab {

/// A packet as the link sees it: where the owner keeps it, and its size without link headers.
struct Packet {
    std::uint32_t slot;
    std::uint32_t ip_bytes;
};

enum class Fate {
    delivered,  ///< write it to the far side
    lost,       ///< used its share of queue and rate, then got lost
    blackholed, ///< came to its end while the blackhole was on
};

/// A packet that leaves the link; its slot belongs to the owner again.
struct Departure {
    Packet packet;
    Fate fate;
};

struct LinkCounters {
    std::uint64_t packets = 0; ///< delivered
    std::uint64_t bytes = 0;   ///< of IP packets, delivered
    std::uint64_t dropped_queue = 0;
    std::uint64_t dropped_loss = 0;
    std::uint64_t dropped_blackhole = 0;
};

///   offer -> queue (bounded, drop tail) -> transmitter (rate or trace) -> delay +- jitter -> take
///
/// Departure from the queue is in virtual time: max(arrival, previous departure) + size / rate.
/// So the rate is exact however late the owner asks. The packet in the transmitter keeps its
/// departure when the settings change; all behind it use the new settings. Order is always kept.
/// During a stall nothing leaves the queue, and what left it before arrives.
class LinkDirection {
public:
    /// Bound of packets held, queue and delay line together; above it the tail is dropped.
    static constexpr std::uint32_t max_packets = 32768;

    explicit LinkDirection(std::uint64_t seed);

    /// `trace` replaces the rate; it starts at `now`.
    void configure(const LinkSettings& settings, std::optional<RateTrace> trace, TimePoint now);

    /// Takes a packet in; false when it was dropped at once and its slot stays with the owner.
    [[nodiscard]] bool offer(Packet packet, TimePoint now);

    /// Yields the next packet whose time has come. Call until it yields nothing.
    [[nodiscard]] std::optional<Departure> take_due(TimePoint now);

    /// Yields when to call take_due again; nothing when the link is empty.
    [[nodiscard]] std::optional<TimePoint> next_due() const;

    [[nodiscard]] const LinkSettings& settings() const { return settings_; }
    [[nodiscard]] const LinkCounters& counters() const { return counters_; }
    [[nodiscard]] std::uint64_t queue_bytes() const { return queue_bytes_; }
    [[nodiscard]] std::uint64_t queue_limit() const { return queue_limit_; }

private:
    struct Entry {
        Packet packet;
        bool lost;
        TimePoint time; ///< arrival while queued, then the time of delivery
    };

    Entry& entry(std::uint64_t position) { return ring_[position % max_packets]; }
    const Entry& entry(std::uint64_t position) const { return ring_[position % max_packets]; }
    void advance(TimePoint now);
    void start_transmission();
    void finish_transmission();

    LinkSettings settings_;
    std::optional<TraceCursor> trace_;
    std::uint64_t queue_limit_ = 0;
    Random random_;
    LossModel loss_;
    LinkCounters counters_;
    std::uint64_t queue_bytes_ = 0; ///< includes the packet in the transmitter

    // Positions only grow: [head_, departed_) is in the delay line, [departed_, tail_) queued.
    std::vector<Entry> ring_;
    std::uint64_t head_ = 0;
    std::uint64_t departed_ = 0;
    std::uint64_t tail_ = 0;
    TimePoint departure_{};     ///< of the packet in the transmitter, else of the last one
    TimePoint last_delivery_{}; ///< keeps the order under jitter
};

} // namespace braid::lab
