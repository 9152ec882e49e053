/// What became of each uplink: since when it is what it is, and what its last fail-over cost. PURE.
#pragma once

#include "client/uplink_state.hpp"
#include "common/base/time.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

class UplinkHistory {
public:
    /// A fail-over after which nothing moved for so long has no gap: nothing wanted to move.
    static constexpr Duration longest_gap = 2s;
    /// Nor one of an uplink over which nothing had moved for so long.
    static constexpr Duration idle_after = 1500ms;

    struct Failover {
        std::string cause;
        TimePoint at{};
        std::optional<Duration> gap; ///< until data moved again; none: nothing had to
    };
    struct Entry {
        std::string state;
        TimePoint since{};
        std::optional<Failover> last_failover;
    };
    /// Something for the log.
    struct Event {
        enum class Kind { up, down, stalled } kind = Kind::up;
        std::string interface;
        std::string cause;
        std::optional<Duration> gap{};
    };

    /// An uplink's state now. `moved_at`: when its subflow last carried anything; that is where
    /// the gap of a fail-over begins.
    void note(TimePoint now, const std::string& interface, const UplinkState& state,
              std::optional<TimePoint> moved_at);
    /// Data moved over an uplink.
    void moved(TimePoint now, const std::string& interface);
    /// What has happened since the last call.
    [[nodiscard]] std::vector<Event> take_events(TimePoint now);
    /// Null for an uplink that never had a state.
    [[nodiscard]] const Entry* entry(const std::string& interface) const;

private:
    struct Open {
        std::string interface;
        TimePoint began{}; ///< of the gap
        TimePoint at{};    ///< of the verdict
    };
    void close(const Open& open, std::optional<Duration> gap);

    std::map<std::string, Entry> entries_;
    std::vector<Open> open_; ///< fail-overs whose gap has not ended
    std::vector<Event> events_;
};

} // namespace braid
