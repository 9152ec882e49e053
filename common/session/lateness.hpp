/// How late this machine has been of late. PURE.
#pragma once

#include "common/base/time.hpp"

namespace braid {

/// Who has no time for us has none for what carries the answers either (the other end's daemon on a
/// busy host, a virtual machine's host): for a while every path is waited for that much longer.
class Lateness {
public:
    static constexpr Duration counts_for = 5s; ///< since it was seen

    /// Something came so much later than it was due.
    void note(TimePoint now, Duration by)
    {
        if (by < of_late(now)) return;
        by_ = by;
        at_ = now;
    }

    /// The worst of late.
    [[nodiscard]] Duration of_late(TimePoint now) const noexcept
    {
        return now - at_ < counts_for ? by_ : Duration::zero();
    }

private:
    Duration by_{};
    TimePoint at_{};
};

} // namespace braid
