// What one direction of an emulated link does to packets, and the text form in which a user
// sets it: `rate=30M delay=35ms jitter=5ms loss=1% burst=4 queue=100ms blackhole=off stall=off`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace braid::lab {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// The bound of a queue: bytes, or the time that its content takes at the link's rate.
using QueueBound = std::variant<std::uint64_t, Duration>;

enum class Blackhole { off, on };
enum class Stall { off, on };

struct LinkSettings {
    std::uint64_t rate_bps = 0; ///< bits of IP packets a second; 0 is unlimited
    Duration delay{};           ///< one way, after the packet left the queue
    Duration jitter{};          ///< uniform in delay +- jitter; the order of packets is kept
    double loss_percent = 0;
    double burst_packets = 1; ///< mean length of a loss burst; 1 is independent losses
    QueueBound queue = Duration{std::chrono::milliseconds{100}};
    Blackhole blackhole = Blackhole::off;
    Stall stall = Stall::off; ///< the transmitter rests; the queue fills
    std::string trace_path;   ///< delivery opportunities in place of a rate; empty is none

    friend bool operator==(const LinkSettings&, const LinkSettings&) = default;
};

/// What became of a request to change settings: `settings` is complete when `problem` is empty.
struct SettingsChange {
    LinkSettings settings;
    std::string problem;
};

/// Yields `base` with the `key=value` words applied; all of them or, with a problem, none.
///
/// rate: bit/s with k, M or G, or `unlimited`. delay, jitter: us, ms or s. loss: percent.
/// queue: bytes (also KiB, MiB), or a time at the rate. blackhole, stall: on, off. trace: path,
/// `off`.
/// Setting a rate ends a trace.
[[nodiscard]] SettingsChange change_settings(LinkSettings base, std::string_view words);

/// Yields the bound of the queue in bytes at the rate `rate_bps` (the mean rate of a trace).
[[nodiscard]] std::uint64_t queue_limit_bytes(const QueueBound& bound, std::uint64_t rate_bps);

} // namespace braid::lab
