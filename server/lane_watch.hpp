/// Looks at the peers' sending lanes while they are in use: cuts subflows that swallow what is sent
/// into them, and tells when downloads fill a lane. PROTOCOL.md, "Sessions and lanes".
#pragma once

#include "common/base/ip.hpp"
#include "common/session/hole_watch.hpp"
#include "common/session/pressure.hpp"
#include "common/session/session.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/sock_diag.hpp"
#include "server/stall_verdict.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace braid {

/// The judgement is StallVerdict's and PressureMeter's.
///
/// Timer: round_ runs every StallClock::round while a lane is in use.
class LaneWatch {
public:
    static constexpr auto in_use_for = 1s; ///< after the last packet to the peer

    struct SubflowCut {
        Endpoint remote;
        Duration silent{};
        std::optional<std::uint8_t> address_id; ///< of the client's end, where the kernel tells it
    };
    /// All calls come from the loop; none may end a session.
    struct Listener {
        virtual ~Listener() = default;
        /// The peer's session, or null.
        [[nodiscard]] virtual const Session* session_of(std::size_t peer) = 0;
        virtual void on_subflow_cut(std::size_t peer, const SubflowCut& cut) = 0;
        virtual void on_pressure_changed(std::size_t peer, bool full) = 0;
        /// The lane sends no more although its subflows are well. The lane may be given up in it.
        virtual void on_lane_frozen(std::size_t peer) = 0;
    };

    /// References outlive this.
    LaneWatch(Loop& loop, Listener& listener);

    /// Errors: of SockDiag. Without it nothing is cut.
    [[nodiscard]] Status open();

    /// Something was queued for the peer.
    void wake(std::size_t peer);
    /// The peer has another lane, or none: a lane begins without pressure.
    void lane_changed(std::size_t peer);

private:
    struct Watched {
        StallVerdict verdict;
        PressureMeter pressure;
        HoleWatch hole;
        std::uint64_t packets = 0; ///< sent on all lanes of the session, at the last look
        TimePoint used_at{};
        bool is_active = false; ///< is in active_
    };
    void round();
    /// False when the next look is not due before wake().
    [[nodiscard]] bool look(TimePoint now, std::size_t peer, Watched& watched);
    /// Tells the verdicts when this round comes too late.
    void note_lateness(TimePoint now);
    void measure_pressure(TimePoint now, std::size_t peer, Watched& watched,
                          const Session& session);
    void judge(TimePoint now, std::size_t peer, Watched& watched, const Lane& lane);
    [[nodiscard]] static bool is_frozen(TimePoint now, Watched& watched, const Lane& lane,
                                        const std::vector<mptcp::Subflow>& living);
    [[nodiscard]] Result<SubflowCut> cut(const StallVerdict::Conviction& conviction);

    Loop& loop_;
    Listener& listener_;
    std::optional<SockDiag> diag_;
    std::unordered_map<std::size_t, Watched> watched_; ///< by peer
    std::vector<std::size_t> active_;
    TimePoint round_at_{}; ///< the last, or when they began
    Timer round_;
};

} // namespace braid
