/// The way from another thread to a loop.
#pragma once

#include "common/sys/loop.hpp"

#include <functional>
#include <memory>

namespace braid {

/// Lets other threads ask for a call on the loop.
class Wakeup {
public:
    Wakeup(Loop& loop, std::function<void()> on_wake);

    /// Calls back on the loop, soon, and once for all that asked until then. From any thread, while
    /// this object lives.
    void wake() noexcept;

private:
    struct Handle;
    struct Close {
        void operator()(Handle* handle) const noexcept;
    };
    std::unique_ptr<Handle, Close> handle_;
};

} // namespace braid
