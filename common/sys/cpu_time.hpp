/// How much processor time was used: by this process, its loop, and by nobody.
#pragma once

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/sys/fd.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace braid {

/// Sums since some time in the past: of use are differences.
struct CpuTime {
    Duration process{};
    Duration thread{}; ///< the calling one
    Duration idle{};   ///< of all processors of the machine, in steps of 10 ms
};

class CpuMeter {
public:
    /// Errors: the system's, where /proc is not there.
    [[nodiscard]] static Result<CpuMeter> open();
    /// Nothing when the kernel does not tell.
    [[nodiscard]] std::optional<CpuTime> read() const;

private:
    explicit CpuMeter(Fd stat) : stat_(std::move(stat)) {}
    Fd stat_;
};

/// The idle time in the first line of /proc/stat (proc_stat(5)), waits for disks included. PURE.
[[nodiscard]] std::optional<Duration> idle_time(std::string_view stat, long ticks_per_second);

/// The number of processors that this thread may run on; 1 when the kernel does not tell.
[[nodiscard]] std::size_t usable_cpus();

} // namespace braid
