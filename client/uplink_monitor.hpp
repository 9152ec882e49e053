/// What the host knows about the uplinks: links, addresses and default routes from rtnetlink.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/netlink.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace braid {

/// One interface as a way to the Internet.
struct Uplink {
    std::string interface;
    int index = 0;                  ///< 0: no such interface now
    bool up = false;                ///< administratively
    bool running = false;           ///< up, and carrier
    std::vector<Address> addresses; ///< global, usable now (not tentative), IPv4 first
    bool route_v4 = false;          ///< a default route leaves through it
    bool route_v6 = false;
    std::uint32_t metric = 0; ///< of its best default route; smaller is preferred

    /// The first address of a family that also has a route; null when there is none, or when
    /// the link does not run.
    [[nodiscard]] const Address* source(Family family) const;
    [[nodiscard]] bool usable() const { return source(Family::v4) || source(Family::v6); }
    bool operator==(const Uplink&) const = default;
};

/// Which interfaces count.
struct UplinkSelection {
    /// Every interface with a default route, but for those that match `exclude` and are not
    /// among `interfaces`.
    bool automatic = false;
    std::vector<std::string> exclude{};  ///< patterns of fnmatch(3)
    std::vector<std::string> interfaces; ///< in the user's order; when automatic, the first
    std::string own_tun;                 ///< never an uplink
};

/// The kernel's tables, fed by netlink messages. PURE: messages in, uplinks out.
///
/// The kernel does not report everything. What it leaves out on an interface that goes down or
/// loses an address (its routes vanish) is inferred here; what cannot be inferred (which routes
/// revive when an interface comes up) raises a doubt, and the owner dumps again.
class LinkTable {
public:
    /// Takes RTM_NEW/DEL LINK, ADDR, ROUTE; others are ignored.
    void on(const nlmsghdr& message);
    void clear();
    /// True once after messages that tell less than what happened.
    [[nodiscard]] bool take_doubt();
    /// The selected uplinks; absent interfaces of an explicit list are included with index 0. When
    /// automatic, those of `interfaces` come first in their order, then by metric.
    [[nodiscard]] std::vector<Uplink> uplinks(const UplinkSelection& selection) const;

private:
    struct Link {
        std::string name;
        bool up = false;      ///< administratively
        bool running = false; ///< and able to carry packets
        bool loopback = false;
    };
    struct InterfaceAddress {
        int index = 0;
        Address address;
        bool deprecated = false;
        bool private_use = false; ///< unique local (RFC 4193): rarely routed to the Internet
        bool secondary = false;   ///< or temporary, by which IPv6 means the same bit
        auto operator<=>(const InterfaceAddress&) const = default;
    };
    struct DefaultRoute {
        int index = 0;
        Family family = Family::v4;
        std::uint32_t metric = 0;
        std::optional<Address> source; ///< the kernel drops the route with this address
        auto operator<=>(const DefaultRoute&) const = default;
    };

    void on_link(const nlmsghdr& message);
    void on_address(const nlmsghdr& message);
    void on_route(const nlmsghdr& message);
    void forget_address(int index, const Address& address);
    void forget_routes(int index, Family family);
    [[nodiscard]] Uplink uplink(int index, const Link& link) const;
    [[nodiscard]] std::vector<Address> addresses_of(int index) const;
    [[nodiscard]] std::vector<Uplink> automatic(const UplinkSelection& selection) const;

    std::map<int, Link> links_;
    std::vector<InterfaceAddress> addresses_; ///< usable now
    std::vector<DefaultRoute> routes_;        ///< of the main table, by nexthop
    bool doubt_ = false;
};

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
