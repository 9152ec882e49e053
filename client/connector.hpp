/// Races tries to reach the server over several uplinks and addresses: the first to be answered
/// wins (in the manner of RFC 8305).
#pragma once

#include "client/attempt.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace braid {

/// A target whose try has failed is tried again while another try is still without an answer: a
/// server that was just restarted need not wait for a dead uplink.
///
/// Timer: stagger_ runs while targets are left; each expiry starts the next try.
class Connector {
public:
    static constexpr auto stagger_after = 250ms;
    static constexpr auto again_after = 500ms;

    /// Called once per race; a new race may be started in it. Errors: the weightiest of the
    /// tries' errors (a refusal before all others, a time-out last). A join that is refused ends
    /// the race at once, with Opening::session_gone.
    using OnDone = std::function<void(Result<Connected>)>;

    /// What counts as an answer. A connection of plain TCP where mptcp is wanted is none.
    enum class Wanted { any, mptcp };

    Connector(Loop& loop, MakeOpening make_opening, OnDone on_done);

    /// Starts a race to the targets, best first; a race under way is given up.
    void race(std::vector<Target> targets, Wanted wanted = Wanted::any);
    /// Adds targets that are not being tried, or about to be, to the race under way. `sources` are
    /// the addresses of the uplinks: nothing comes back to a try from any other, so it ends, and
    /// its target is new.
    void extend(const std::vector<Target>& targets, const std::vector<Address>& sources);
    void cancel();
    [[nodiscard]] bool racing() const noexcept { return !attempts_.empty() || !waiting_.empty(); }

private:
    void start_next();
    /// Sets the time for the next try, if a target is left.
    void stagger();
    void on_attempt(Attempt& attempt, Result<Connected> outcome);
    void finish(Result<Connected> outcome);
    void note(Error error);

    Loop& loop_;
    MakeOpening make_opening_;
    OnDone on_done_;
    Wanted wanted_ = Wanted::any;
    std::vector<Target> waiting_; ///< not tried yet, best last
    std::vector<Target> failed_;  ///< to be tried again while another try is silent, next last
    std::vector<std::unique_ptr<Attempt>> attempts_;
    std::optional<Error> worst_;
    Timer stagger_;
};

} // namespace braid
