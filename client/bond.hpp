/// The uplinks of one lane: who of them works, what each is for, and its subflow. Puts together
/// the guard's findings, the plan and the path driver, and keeps the books.
#pragma once

#include "client/attempt.hpp"
#include "client/guard.hpp"
#include "client/path_driver.hpp"
#include "client/path_plan.hpp"
#include "client/traffic_ledger.hpp"
#include "client/uplink_history.hpp"
#include "client/uplink_limits.hpp"
#include "common/base/result.hpp"
#include "common/session/pressure.hpp"
#include "common/session/session.hpp"
#include "common/sys/loop.hpp"

#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace braid {

/// Outlives its lanes: what was learnt of an uplink serves the next one.
///
/// Timers: useless_timer_ tells the owner that the lane is of no use, but not from inside a call
/// of it; doubt_timer_ runs while no uplink carries the lane; limit_timer_ runs while there are a
/// lane and limited uplinks, every limit_round, or every Guard::idle_round while none of these
/// carries anything.
class Bond : private Guard::Listener {
public:
    struct Listener {
        virtual ~Listener() = default;
        /// The lane stands still, or has plain TCP over an uplink that does not work while another
        /// does: a new one is needed. The owner may detach() in it.
        virtual void on_lane_useless(const Error& reason) = 0;
        /// No uplink has carried the lane for doubt_after, again after as long: the server may have
        /// given it up, and where subflows cannot join it another connection may pass. Not for
        /// plain TCP.
        virtual void on_lane_doubtful() = 0;
        /// After on_lane_doubtful(): an uplink carries it again.
        virtual void on_lane_trusted() = 0;
    };

    static constexpr Duration limit_round = 5ms;
    /// Longer than what a radio is silent.
    static constexpr Duration doubt_after = 1s;

    /// `listener` outlives the bond.
    Bond(Loop& loop, Listener& listener);

    /// Opens the kernel's path manager. Without one the bond works over one uplink at a time.
    void open();

    /// The session's sending lane, which `via` was the first way of; borrowed until detach().
    void attach(Session& session, const Connected& connected, ProbeKeys keys);
    void detach();
    /// The session is set up: from here on the lane gets its subflows.
    void begin();

    void set_uplinks(std::vector<RankedUplink> uplinks);
    /// `guarded`: false leaves fail-over to the kernel.
    void configure(Policy policy, bool guarded);
    void set_servers(std::vector<Endpoint> servers);
    /// The server's queue towards us is full, or no more.
    void set_server_pressure(bool full);
    /// The server has cut a subflow by its address id.
    void subflow_lost(std::uint8_t address_id);
    /// Something is to be sent.
    void on_traffic() { guard_.wake(); }
    /// Once a second. True when a fall-back to plain TCP is found.
    bool poll();

    /// True while the lane is MPTCP and its subflows are ours to make.
    [[nodiscard]] bool drives_paths() const noexcept { return driver_.has_value(); }
    /// With health.
    [[nodiscard]] const std::vector<RankedUplink>& uplinks() const noexcept { return uplinks_; }
    [[nodiscard]] std::vector<SubflowView> subflows() const;
    [[nodiscard]] const TrafficLedger& ledger() const noexcept { return ledger_; }
    [[nodiscard]] const UplinkHistory& history() const noexcept { return history_; }
    [[nodiscard]] const PathHealth* path(const std::string& interface) const
    {
        return guard_.path(interface);
    }

private:
    void on_health_changed() override;
    void on_subflow_stuck(const std::string& interface) override;
    void on_ping_due() override;
    void on_lane_frozen() override;
    void on_round(TimePoint now) override;

    /// Brings plan, guard and driver to what is known.
    void update();
    /// Why no uplink that may be used carries the lane, if none does: nothing but a new lane moves
    /// to another after a fall-back to plain TCP, and the last subflow is never cut.
    [[nodiscard]] std::string why_forsaken(const std::vector<WantedSubflow>& plan) const;
    /// Whether any of the lane's subflows is on an uplink that works.
    [[nodiscard]] bool is_carried() const;
    /// Whether the lane is in doubt now.
    void doubt();
    void leave(std::errc code, std::string reason);
    void feel_pressure();
    void keep_limits();
    void bound_window(const std::vector<WantedSubflow>& plan);
    void watch(const std::vector<WantedSubflow>& ways);
    void note_states();
    void tell_events();

    Loop& loop_;
    Listener& listener_;
    std::optional<MptcpPm> pm_;
    std::optional<FdWatch> pm_watch_;
    std::optional<PathDriver> driver_; ///< absent after a fall-back to plain TCP
    Guard guard_;
    std::vector<RankedUplink> uplinks_;
    std::vector<Endpoint> servers_;
    Demand demand_;
    PressureMeter pressure_; ///< of what we send
    bool server_pressure_ = false;
    Session* session_ = nullptr; ///< while there is a lane
    std::optional<Target> via_;
    bool begun_ = false;
    TrafficLedger ledger_;
    UplinkLimits limits_;
    std::size_t window_ = 0; ///< set on the lane's socket, bytes; 0: the kernel's choice
    UplinkHistory history_;
    LogLimit event_log_{20, 10s};
    std::optional<Error> useless_;
    Timer useless_timer_;
    bool doubted_ = false; ///< the listener has been told
    Timer doubt_timer_;
    Timer limit_timer_;
};

} // namespace braid
