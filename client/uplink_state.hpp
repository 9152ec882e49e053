/// What an uplink does now, and why, in words: for status and for the log. PURE.
#pragma once

#include "client/path_driver.hpp"
#include "client/path_plan.hpp"

#include <string_view>

namespace braid {

struct UplinkState {
    std::string_view state;  ///< as in `status`: "active", "standby", "stalled", "lost", ...
    std::string_view reason; ///< one plain phrase
    std::string_view cause;  ///< as in the log: "silent_loss"; empty where nothing is wrong
    bool lacking = false;    ///< it should carry traffic and does not

    [[nodiscard]] bool carries() const noexcept { return state == "active"; }
    [[nodiscard]] bool is_down() const noexcept { return state == "down" || state == "lost"; }
};

/// What the state of one uplink follows from.
struct UplinkFacts {
    const RankedUplink& ranked;
    bool capped = false; ///< `never` is not the user's word, but that of the data cap
    const SubflowView* subflow = nullptr; ///< its established one, if there is one
    bool established = false;             ///< the session is up
    bool mptcp = false;                   ///< and more than one uplink can be used
    bool only_backups = false;            ///< no established subflow of the lane is no backup
};
[[nodiscard]] UplinkState state_of(const UplinkFacts& facts);

} // namespace braid
