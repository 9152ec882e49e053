/// Carries out a lane's path plan on the kernel's userspace path manager.
#pragma once

#include "client/path_control.hpp"
#include "common/base/log.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/mptcp_pm.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace braid {

/// A living subflow with what the kernel does not keep: its uplink.
struct SubflowView {
    std::string interface; ///< empty when its address belongs to no uplink now
    mptcp::Subflow subflow;
};

/// Drives one lane. Timer: a step when PathControl has something due, at the latest every second
/// (the kernel does not report every loss of a subflow); a step also follows every update() and
/// every event of this connection.
class PathDriver {
public:
    /// `fd` is the lane's connected MPTCP socket, borrowed for this object's life.
    PathDriver(Loop& loop, MptcpPm& pm, int fd, std::uint32_t token, Endpoint initial_local,
               bool initial_backup);

    /// The plan as of now, and whether anything carries the lane (PathControl); acts at once.
    void update(std::vector<WantedSubflow> wanted, bool carried = true);
    /// Cuts a subflow whose way works, and makes it again.
    void remake(const Address& local);
    void remake(std::uint8_t local_id);
    /// An event of the path manager, of whatever connection.
    void on_event(const MptcpEvent& event);
    /// The established subflows with uplink names and backup flags.
    [[nodiscard]] std::vector<SubflowView> subflows(const std::vector<RankedUplink>& uplinks) const;

private:
    /// An established subflow that the log has told of.
    struct Known {
        std::string interface;
        Endpoint local;
        Endpoint remote;
        bool cut = false;
    };

    void step();
    void execute(const PathStep& step);
    [[nodiscard]] Status create(const CreateSubflow& create);
    void cut(const CutSubflow& cut);
    void tell_changes(const std::vector<mptcp::Subflow>& living);
    void wait_for_next();

    Loop& loop_;
    MptcpPm& pm_;
    int fd_;
    std::uint32_t token_;
    PathControl control_;
    std::vector<WantedSubflow> wanted_;
    std::vector<Known> known_;
    LogLimit error_limit_;
    Timer timer_;
};

} // namespace braid
