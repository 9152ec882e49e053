/// The steps from the subflows that a lane has to those that it should have. PURE.
#pragma once

#include "client/path_plan.hpp"
#include "common/base/ip.hpp"
#include "common/base/time.hpp"
#include "common/sys/mptcp.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace braid {

/// A step towards the plan.
struct CreateSubflow {
    WantedSubflow subflow;
    std::uint8_t local_id = 0;
};
/// RM_ADDR first, then the flow itself: both kernels re-inject at once.
struct CutSubflow {
    Endpoint local;
    Endpoint remote;
    std::uint8_t local_id = 0;
};
struct SetBackup {
    Endpoint local;
    Endpoint remote;
    bool backup = false;
};
using PathStep = std::variant<CreateSubflow, CutSubflow, SetBackup>;

/// Brings one lane's subflows to the plan: creates what is missing (again after 0.5 s, doubling
/// to 4 s, when it does not come or goes away by itself; every 0.5 s while nothing carries the
/// lane), cuts what lost its address or its link, sets backup flags. Never cuts the last living
/// subflow (but for one whose device was replaced by another with the same address). When the last
/// one has lost its uplink, what waits is tried at once.
///
/// One attempt for each wanted subflow:
///   none --wanted--> trying --established--> up --gone by itself--> waiting
///   trying --gone, or not established after `patience`--> waiting --delay over--> trying
///   any --no longer wanted--> none
///
/// Address ids (one per local address and connection): a subflow that went away by itself leaves
/// its id with its address in the kernel, so the address keeps it; a cut (REMOVE) frees both, and
/// the address gets a new one. The initial address has id 0 until its first subflow is gone.
class PathControl {
public:
    /// How long a new subflow may take to be established: two SYN retransmissions (1 s, 3 s).
    static constexpr Duration patience = 3s;
    static constexpr Duration first_delay = 500ms;
    static constexpr Duration longest_delay = 4s;
    /// A subflow that lived so long was a success: the next delay starts small again.
    static constexpr Duration settled_after = 10s;
    /// A cut flow may stay in the kernel's list for a moment; after this it is cut once more.
    static constexpr Duration cut_again_after = 200ms;

    /// `initial` is the address that the lane's first subflow was made from (id 0).
    PathControl(Address initial, bool initial_backup);

    /// The steps that are due. `living` is the kernel's list now.
    [[nodiscard]] std::vector<PathStep> step(TimePoint now,
                                             const std::vector<WantedSubflow>& wanted,
                                             const std::vector<mptcp::Subflow>& living);
    /// The kernel refused a step: a creation counts as tried, a flag as not set.
    void failed(TimePoint now, const PathStep& step);
    /// The kernel reported the end of a subflow, perhaps of one so short that no step saw it.
    void closed(TimePoint now, const Address& local, const Address& remote);
    /// The flow of this address is of no use although its way works: it is cut, even the last one,
    /// and made again at once. False when there is none.
    bool remake(const Address& local);
    /// The same by address id. The one that the server has cut its half of.
    bool remake(std::uint8_t local_id);
    /// Whether anything that the lane has carries it: a stalled subflow does not. While nothing
    /// does, what waits is tried every `first_delay`.
    void set_carried(TimePoint now, bool carried);
    /// The uplink changed for the better (carrier, new address): try again at once.
    void forgive(const std::string& interface);
    /// When the next step may be due without any event; nullopt when nothing is pending.
    [[nodiscard]] std::optional<TimePoint> due() const;

    [[nodiscard]] bool is_backup(const Endpoint& local) const;

private:
    /// What is known of one flow in the kernel's list.
    struct Flow {
        Endpoint local;
        Endpoint remote;
        std::uint8_t local_id = 0;
        int index = 0; ///< interface that it is bound to; 0: not known yet
        bool backup = false;
        bool backup_told = false; ///< the kernel has the flag from us
        std::optional<TimePoint> established_at;
        std::optional<TimePoint> cut_at;
        bool stranded = false; ///< lost its uplink, but was the last: not cut
        bool useless = false;  ///< to be made again
    };
    /// A wanted subflow's way up.
    struct Attempt {
        WantedSubflow wanted;
        enum class State {
            trying,  ///< created, not established yet
            up,      ///< established
            waiting, ///< failed; again at `at`
        } state = State::trying;
        TimePoint created_at{};
        TimePoint again_at{}; ///< while waiting
        Duration delay{};     ///< of the latest wait
    };

    void observe(TimePoint now, const std::vector<mptcp::Subflow>& living);
    [[nodiscard]] Flow adopt(const mptcp::Subflow& subflow);
    void note_loss(TimePoint now, const Flow& flow);
    void retry_later(TimePoint now, Attempt& attempt) const;
    void recognise(const WantedSubflow& wanted);
    void cut_lost(TimePoint now, const std::vector<WantedSubflow>& wanted,
                  std::vector<PathStep>& steps);
    /// True when its device has gone and another one has its address: nothing can live there.
    [[nodiscard]] static bool is_replaced(const Flow& flow,
                                          const std::vector<WantedSubflow>& wanted);
    void hurry(TimePoint now);
    void cut(TimePoint now, Flow& flow, std::vector<PathStep>& steps);
    void create_if_due(TimePoint now, const WantedSubflow& wanted, std::vector<PathStep>& steps);
    void set_flag(const WantedSubflow& wanted, std::vector<PathStep>& steps);
    [[nodiscard]] static bool carries(const Flow& flow, const WantedSubflow& wanted);
    [[nodiscard]] std::uint8_t id_for(const Address& local);
    [[nodiscard]] std::uint8_t next_free_id(const std::function<bool(std::uint8_t)>& is_held);

    Address initial_;
    bool initial_backup_;
    bool carried_ = true;
    std::vector<Flow> flows_;
    std::vector<Attempt> attempts_;
    std::map<Address, std::uint8_t> ids_; ///< held by addresses in the kernel's list
    std::uint8_t last_id_ = 0;
};

} // namespace braid
