/// Whether what waits for a peer fills the uplinks that it may take. PURE.
#pragma once

#include "common/base/time.hpp"

#include <utility>

namespace braid {

/// A queue that is empty now and then keeps up with what comes, however much that is.
///
///   relaxed --waits for full_after on end--> full
///   full --for relaxed_after empty at least once in every breath--> relaxed
class PressureMeter {
public:
    static constexpr Duration full_after = 150ms;
    static constexpr Duration breath = 100ms;
    static constexpr Duration relaxed_after = 2s;

    enum class Queue { empty, waits };

    /// One look, several in each breath while the queue is in use: it is not taken to have waited
    /// between two looks that are further apart.
    void look(TimePoint now, Queue queue)
    {
        const bool blind = now - looked_at_ > breath;
        const Queue before = std::exchange(queue_, queue);
        looked_at_ = now;
        if (queue == Queue::waits) {
            if (blind || before == Queue::empty) waits_since_ = now;
            full_ = full_ || now - waits_since_ >= full_after;
            return;
        }
        if (now - empty_at_ > breath) keeps_up_since_ = now;
        empty_at_ = now;
        full_ = full_ && now - keeps_up_since_ < relaxed_after;
    }

    [[nodiscard]] bool full() const noexcept { return full_; }

private:
    bool full_ = false;
    Queue queue_ = Queue::empty; ///< at the last look
    TimePoint waits_since_{};    ///< on end
    TimePoint keeps_up_since_{}; ///< empty in every breath
    TimePoint empty_at_{};       ///< the last time
    TimePoint looked_at_{};
};

} // namespace braid
