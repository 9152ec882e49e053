/// What probes and ACKs tell of one uplink's way to the server: whether it works, how fast, how
/// well. PURE.
#pragma once

#include "common/base/time.hpp"
#include "common/session/stall_clock.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

namespace braid {

/// How an uplink does, as far as the path plan cares.
enum class Health : std::uint8_t {
    unknown, ///< nothing has been heard over it yet
    good,
    poor,    ///< works, but is slow or loses much
    stalled, ///< silent for longer than is usual, not yet for too long
    lost,    ///< silent for too long, or of no use to TCP: nothing may wait there
    trying,  ///< was lost, and a subflow may be tried: perhaps only the probes do not pass
};
[[nodiscard]] std::string_view name_of(Health health);
/// Whether traffic may wait there: not where it is silent.
[[nodiscard]] constexpr bool may_carry(Health health) noexcept
{
    return health == Health::unknown || health == Health::good || health == Health::poor;
}

/// What an uplink is for at the moment: how often it is probed depends on it.
enum class PathUse : std::uint8_t {
    carrying, ///< traffic flows, and this uplink takes part
    refuge,   ///< traffic flows elsewhere and may have to come here
    ready,    ///< nothing flows
};

/// Where traffic could go instead.
enum class Refuge : std::uint8_t {
    none,
    idle,  ///< another uplink that worked when it was last looked at, perhaps a second ago
    fresh, ///< another one that has just answered: it is not the server that is silent
};

///   unknown --answer--> good --answers overdue for 60 ms--> stalled --answer--> good
///   good, stalled --answers overdue for the clock's patience, and another works--> lost
///   lost --two echoes in a row--> good
///   lost --5 s--> trying --any answer--> good
///   any --its subflow is stuck three times on end--> lost, for 2 s, doubling to 30 s
///   any --three outages on end--> lost, for as long
///   good --slow or lossy--> poor --neither for 10 s--> good
class PathHealth {
public:
    static constexpr Duration stalled_after = 60ms;
    static constexpr Duration trial_after = 5s;
    static constexpr Duration poor_until = 10s;
    /// So many probes without an echo, while ACKs come: the path lets no probes through (any more).
    static constexpr int unechoed_to_doubt = 10;
    /// So many times stuck, each within this time of the last, and making it again does not help.
    static constexpr int stuck_to_bar = 3;
    static constexpr Duration stuck_again = 5s;
    /// So many outages, each over within this time of the last, and the path flaps: TCP has what it
    /// lost on the way again only seconds later, and all of the lane waits for that.
    static constexpr int outages_to_bar = 3;
    static constexpr Duration outage_again = 2500ms;
    static constexpr Duration first_bar = 2s;
    static constexpr Duration longest_bar = 30s;
    static constexpr Duration bar_without_refuge = 300ms; ///< then a bad path is better than none
    static constexpr double poor_loss = 0.05;
    static constexpr Duration poor_rtt = 150ms; ///< beyond twice the least round trip of late
    /// More patience with a path over which data still comes in, and where the refuge is idle.
    static constexpr Duration heard_patience = 60ms;
    static constexpr Duration idle_refuge_patience = 50ms;
    /// An outage and no gap: not learnt, and TCP's own timers are far behind after it.
    static constexpr Duration outage = 1s;

    explicit PathHealth(bool metered) : metered_(metered) {}

    /// A metered uplink's probes cost at most so much of what it carries, beyond the slow ones.
    static constexpr double metered_share = 0.02;

    /// The number to put into the probe that is due now, if one is.
    [[nodiscard]] std::optional<std::uint32_t> next_probe(TimePoint now, PathUse use);
    /// An authentic echo. False for a number that is not awaited.
    bool echoed(TimePoint now, std::uint32_t number);
    /// The uplink's subflow at this look: whether an ACK has come since the last, and how many
    /// packets wait for one that should be here by now. `carried`: its bytes since the last look.
    void subflow(TimePoint now, bool progressed, std::uint32_t overdue, std::uint64_t carried);
    /// Data of the server came in over it: that way works, and it had ACKs of ours a while ago.
    void heard(TimePoint now) { heard_at_ = now; }
    /// Its subflow stands still although the path answers: something on the way lets small packets
    /// through only, or lets them through now and then. True when the subflow may be made again;
    /// else the path is given up for a while, or it is too early for another try.
    [[nodiscard]] bool stuck(TimePoint now, Refuge refuge);
    /// One look: every StallClock::round while anything is awaited. `lateness`: of this machine.
    void tick(TimePoint now, Refuge refuge, Duration lateness);

    [[nodiscard]] Health health() const noexcept { return health_; }
    /// Since the last answer; of no worth before the first.
    [[nodiscard]] Duration silent(TimePoint now) const noexcept { return now - answered_at_; }
    /// Whether probes come back over it; ACKs alone tell less.
    [[nodiscard]] bool probes_pass() const noexcept { return probes_pass_; }
    /// When an echo ended an outage; the epoch where none ever has.
    [[nodiscard]] TimePoint outage_ended_at() const noexcept { return outage_ended_at_; }
    [[nodiscard]] Duration rtt() const noexcept { return srtt_; } ///< smoothed; 0: not known
    [[nodiscard]] double loss() const noexcept { return loss_; }  ///< of probes, 0 to 1
    /// True while answers are overdue of a path that should work: look every StallClock::round.
    [[nodiscard]] bool needs_a_close_look(TimePoint now) const;
    /// Forgets the probes under way: their keys have changed.
    void new_lane() { pending_.clear(); }

private:
    struct Pending {
        std::uint32_t number = 0;
        TimePoint sent_at{};
    };

    /// How often something has happened, each time soon after the last.
    struct Series {
        TimePoint at{};
        int length = 0;

        void note(TimePoint now, Duration soon)
        {
            length = length > 0 && now - at < soon ? length + 1 : 1;
            at = now;
        }
    };

    [[nodiscard]] Duration pace(TimePoint now, PathUse use) const;
    [[nodiscard]] bool lives() const noexcept;
    [[nodiscard]] std::uint32_t overdue(TimePoint now) const;
    [[nodiscard]] std::uint32_t overdue_probes(TimePoint now) const;
    void revive(TimePoint now);
    [[nodiscard]] Duration more_patience(TimePoint now, Refuge refuge) const;
    void answered(TimePoint now);
    [[nodiscard]] bool flaps(TimePoint now) const;
    /// It was barred, and not long ago: it has no second chance.
    [[nodiscard]] bool barred_of_late(TimePoint now) const;
    void bar(TimePoint now);
    void lift_bar(TimePoint now, Refuge refuge);
    void lose(TimePoint now);
    void measure(TimePoint now, Duration sample);
    void count(bool lost);
    void judge_quality(TimePoint now);
    void become(TimePoint now, Health health);

    bool metered_;
    Health health_ = Health::unknown;
    TimePoint health_since_{};
    StallClock clock_;
    std::deque<Pending> pending_; ///< oldest first; none is older than the last echo
    std::uint32_t number_ = 0;
    TimePoint probed_at_{};
    TimePoint answered_at_{};
    bool answered_since_tick_ = false;
    TimePoint heard_at_{};
    bool probes_pass_ = false;
    std::uint32_t overdue_acks_ = 0;
    int unechoed_ = 0; ///< probes since the last echo
    Series stuck_;
    Series outages_;           ///< that lost what was on the way
    bool fell_silent_ = false; ///< since the last echo
    Duration bar_{};           ///< the latest; 0: none yet
    TimePoint barred_until_{}; ///< no echo revives it, no subflow is made again
    TimePoint refuge_at_{};    ///< when another path was last known to work
    int echoes_in_a_row_ = 0;  ///< since the last probe that had none
    Duration silence_{};       ///< the longest since the path was called lost
    TimePoint outage_ended_at_{};
    double metered_budget_ = 0; ///< bytes
    Duration srtt_{};
    Duration least_rtt_{}; ///< rises slowly, so that a route that has changed is forgotten
    double loss_ = 0;
    TimePoint poor_at_{};
};

} // namespace braid
