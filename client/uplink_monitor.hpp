/// Follows the uplinks by what rtnetlink tells.
#pragma once

#include "client/link_table.hpp"
#include "common/base/result.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/netlink.hpp"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace braid {

/// What the host has now. `commands` is a socket of NETLINK_ROUTE. Errors: of Netlink::request.
[[nodiscard]] Result<LinkTable> list_links(Netlink& commands);

/// Keeps a LinkTable true while the loop runs and reports every change of the uplinks at once.
class UplinkMonitor {
    struct Private {}; ///< open() is the only way to make one

public:
    using OnChange = std::function<void()>;
    [[nodiscard]] static Result<std::unique_ptr<UplinkMonitor>>
    open(Loop& loop, UplinkSelection selection, OnChange on_change);

    UplinkMonitor(Private, Loop& loop, Netlink events, Netlink commands, UplinkSelection selection,
                  OnChange on_change);
    UplinkMonitor(const UplinkMonitor&) = delete;
    UplinkMonitor& operator=(const UplinkMonitor&) = delete;

    [[nodiscard]] const std::vector<Uplink>& uplinks() const noexcept { return uplinks_; }
    /// Another selection from now on; the uplinks are those of it at once, without a call of
    /// `on_change`. The own TUN stays what it is.
    void select(UplinkSelection selection);
    /// True once after somebody has set our own TUN down and up again: the kernel has dropped
    /// its routes. Reported like a change of the uplinks.
    [[nodiscard]] bool take_tun_revival() { return std::exchange(tun_revived_, false); }

private:
    [[nodiscard]] Status dump();
    void on_readable();
    void watch_own_tun(const nlmsghdr& message);

    Netlink events_;
    Netlink commands_;
    UplinkSelection selection_;
    OnChange on_change_;
    LinkTable table_;
    std::vector<Uplink> uplinks_;
    bool tun_was_up_ = false;
    bool tun_down_ = false; ///< after it was up
    bool tun_revived_ = false;
    FdWatch watch_;
};

} // namespace braid
