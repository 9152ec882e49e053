/// The kernel's MPTCP path managers over generic netlink "mptcp_pm".
/// Source: Documentation/netlink/specs/mptcp_pm.yaml, net/mptcp/pm_netlink.c, pm_userspace.c.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/netlink.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace braid {

/// What the kernel reports about a connection that uses the userspace path manager.
struct MptcpEvent {
    enum class Kind {
        created,
        established,
        closed,
        subflow_established,
        subflow_closed,
        subflow_priority, ///< the peer asked to avoid a subflow, or to use it again
        other,
    };
    Kind kind = Kind::other;
    std::uint32_t token = 0;
    std::uint8_t local_id = 0;
    std::optional<Endpoint> local{};
    std::optional<Endpoint> remote{};
    std::uint32_t error = 0; ///< errno of a subflow that was closed by a fault
    bool backup = false; ///< of a subflow: the peer asks to avoid it (own requests are not told)
    int interface_index = 0; ///< of a subflow that is bound to a device
};

class MptcpPm {
public:
    /// Errors: not_supported when the kernel has no such family; EPERM for the event group.
    [[nodiscard]] static Result<MptcpPm> open();

    struct NewSubflow {
        std::uint32_t token = 0;
        std::uint8_t local_id = 0; ///< one per local address and connection, 1..255
        Address local;
        int interface_index = 0;
        Endpoint remote; ///< same real family as `local`
        bool backup = false;
    };
    /// Starts a subflow; returns before its handshake ends. Its fate comes as an event, or is
    /// only seen in mptcp::subflows (option stripping, server limits).
    [[nodiscard]] Status create_subflow(const NewSubflow& subflow);
    /// Tells the peer (RM_ADDR over a living subflow) that the address has gone.
    [[nodiscard]] Status remove_address(std::uint32_t token, std::uint8_t local_id);
    /// Closes one subflow here; its data is re-injected on the others at once.
    [[nodiscard]] Status destroy_subflow(std::uint32_t token, const Endpoint& local,
                                         const Endpoint& remote);
    /// Sends MP_PRIO: both directions avoid (or use again) the subflow.
    [[nodiscard]] Status set_backup(std::uint32_t token, const Endpoint& local,
                                    const Endpoint& remote, bool backup);

    /// Of the in-kernel path manager of this network namespace, for each connection.
    struct Limits {
        std::uint32_t subflows = 0;
        std::uint32_t add_addr_accepted = 0;
    };
    [[nodiscard]] Result<Limits> limits();
    [[nodiscard]] Status set_limits(const Limits& limits);

    /// The descriptor that becomes readable when events wait.
    [[nodiscard]] int events_fd() const noexcept;
    /// Hands over the events that wait. Error no_buffer_space: some were lost, so look at
    /// mptcp::subflows. `on_event` must not destroy this object.
    [[nodiscard]] Status receive(const std::function<void(const MptcpEvent&)>& on_event);

private:
    MptcpPm(Netlink commands, Netlink events, std::uint16_t family) noexcept;
    [[nodiscard]] NetlinkRequest command(std::uint8_t number, std::uint16_t flags = 0) const;

    Netlink commands_;
    Netlink events_;
    std::uint16_t family_;
};

} // namespace braid
