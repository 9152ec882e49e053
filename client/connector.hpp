/// Races tries to reach the server over several uplinks and addresses: the first to be answered
/// wins (in the manner of RFC 8305).
#pragma once

#include "client/attempt.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace braid {

/// Timer: stagger_ runs while targets are left; each expiry starts the next try.
class Connector {
public:
    static constexpr auto stagger_after = 250ms;

    /// Called once per race; a new race may be started in it. Errors: the weightiest of the
    /// tries' errors (a refusal before all others, a time-out last).
    using OnDone = std::function<void(Result<Connected>)>;

    Connector(Loop& loop, MakeOpening make_opening, OnDone on_done);

    /// Starts a race to the targets, best first; a race under way is given up.
    void race(std::vector<Target> targets);
    void cancel();
    [[nodiscard]] bool racing() const noexcept { return !attempts_.empty() || !waiting_.empty(); }

private:
    void start_next();
    void on_attempt(Attempt& attempt, Result<Connected> outcome);
    void note(Error error);

    Loop& loop_;
    MakeOpening make_opening_;
    OnDone on_done_;
    std::vector<Target> waiting_; ///< best last
    std::vector<std::unique_ptr<Attempt>> attempts_;
    std::optional<Error> worst_;
    Timer stagger_;
};

} // namespace braid
