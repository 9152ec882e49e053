/// Watches over the uplinks while a lane lives: sends probes over each, looks at its subflow, and
/// tells which uplinks work. The judgement is PathHealth's and FreezeWatch's.
#pragma once

#include "client/freeze_watch.hpp"
#include "client/path_health.hpp"
#include "common/base/ip.hpp"
#include "common/crypto/probe.hpp"
#include "common/session/ack_due.hpp"
#include "common/session/hole_watch.hpp"
#include "common/session/lane.hpp"
#include "common/session/lateness.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/mptcp.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace braid {

/// One uplink's way to the server.
struct GuardedPath {
    std::string interface;
    int index = 0;
    Address local;
    Endpoint remote;
    bool metered = false;
    bool carrying = false; ///< takes part now, does not only stand by
    bool operator==(const GuardedPath&) const = default;
};

/// Timer: round_ runs while there is a lane, every StallClock::round while traffic flows or an
/// answer is overdue, else every idle_round.
class Guard {
public:
    static constexpr auto idle_round = 50ms;
    static constexpr auto active_for = 1s; ///< after the last inner packet

    /// All calls come from the loop; none may destroy the guard.
    struct Listener {
        virtual ~Listener() = default;
        virtual void on_health_changed() = 0;
        /// The path works, its subflow does not: a NAT has forgotten it, or its timers are far
        /// behind after an outage. It has to be made again.
        virtual void on_subflow_stuck(const std::string& interface) = 0;
        virtual void on_ping_due() = 0;
        /// The lane stands still although a path works.
        virtual void on_lane_frozen() = 0;
        /// A look has been taken at everything.
        virtual void on_round(TimePoint now) = 0;
    };

    /// `listener` outlives the guard.
    Guard(Loop& loop, Listener& listener);

    /// Off, it probes nothing, knows nothing and tells nothing.
    void enable(bool on);

    /// A lane has come; it is borrowed until detach().
    void attach(const Lane& lane, ProbeKeys keys);
    void detach();
    /// The uplinks to watch. What is known of those that were watched before is kept.
    /// `one_way`: the lane is plain TCP over one of them, the others are alternatives.
    void watch(const std::vector<GuardedPath>& paths, bool one_way);
    /// Traffic begins: looks closely from now on.
    void wake();

    /// unknown for an uplink that is not watched.
    [[nodiscard]] Health health(const std::string& interface) const;
    /// Null for an uplink that is not watched.
    [[nodiscard]] const PathHealth* path(const std::string& interface) const;
    /// When data last moved over it, either way; nullopt when none has.
    [[nodiscard]] std::optional<TimePoint> moved_at(const std::string& interface) const;

private:
    struct Watched {
        explicit Watched(const GuardedPath& way) : path(way), health(way.metered) {}

        GuardedPath path;
        PathHealth health;
        Fd fd;
        std::optional<FdWatch> watch;
        AckDue ack_due;
        std::optional<mptcp::Subflow> subflow; ///< as of the last look
        std::optional<TimePoint> stuck_since;  ///< ACKs are overdue although probes come back
        TimePoint found_stuck_at{};
        std::optional<TimePoint> moved_at;
    };

    void round();
    void look_at_lane(TimePoint now);
    void look_at_subflow(TimePoint now, Watched& watched,
                         const std::vector<mptcp::Subflow>& living);
    [[nodiscard]] bool is_stuck(TimePoint now, const Watched& watched) const;
    [[nodiscard]] bool judge(TimePoint now);
    void probe(TimePoint now, Watched& watched);
    void open_socket(Watched& watched);
    void on_echo(Watched& watched);
    /// True when the lane has to be given up.
    [[nodiscard]] bool is_frozen(TimePoint now);
    [[nodiscard]] Refuge refuge_from(TimePoint now, const Watched& from) const;
    [[nodiscard]] bool active(TimePoint now) const { return now - active_at_ < active_for; }

    Loop& loop_;
    Listener& listener_;
    const Lane* lane_ = nullptr;
    std::optional<ProbeKeys> keys_;
    std::vector<std::unique_ptr<Watched>> watched_;
    FreezeWatch freeze_;
    HoleWatch hole_;
    std::uint64_t packets_ = 0; ///< of the lane, at the last look
    TimePoint held_at_{};       ///< the lane by its owner, at the last look that saw it
    TimePoint active_at_{};
    bool close_look_ = false;
    Lateness lateness_;
    TimePoint due_at_{}; ///< the next round
    bool one_way_ = false;
    bool enabled_ = true;
    Timer round_;
};

} // namespace braid
