/// What every daemon does while it holds the instance lock, however it was started.
#pragma once

#include "common/admin/confinement.hpp"
#include "common/admin/program.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

#include <thread>

namespace braid {

constexpr auto poll_period = 10ms; ///< for what the kernel reports to nobody: lock and child ends

/// Asks until it is true or the time has run out; yields the last answer. Blocks.
template <typename Condition>
bool wait_until(TimePoint deadline, Condition condition)
{
    while (!condition()) {
        if (Clock::now() >= deadline) return false;
        std::this_thread::sleep_for(poll_period);
    }
    return true;
}

/// The daemon's body: confines the process, opens the log, puts back what a dead daemon has left,
/// opens the journal, runs, puts back.
[[nodiscard]] ExitCode live(Instance& instance, StartReporter& reporter,
                            const Confinement& confinement);

/// Lets the instance put back what a dead daemon has left. Yields true when there was something.
[[nodiscard]] Result<bool> clean_up_after_crash(Instance& instance);

} // namespace braid
