/// What the host knows about the uplinks: links, addresses and default routes. PURE.
#pragma once

#include "common/base/ip.hpp"

#include <cstdint>
#include <linux/netlink.h>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace braid {

/// One interface as a way to the Internet.
struct Uplink {
    std::string interface;
    int index = 0;                  ///< 0: no such interface now
    bool up = false;                ///< administratively
    bool running = false;           ///< up, and carrier
    std::vector<Address> addresses; ///< global, usable now (not tentative), IPv4 first
    std::vector<Prefix> networks{}; ///< on the link itself, one for each of `addresses`
    bool route_v4 = false;          ///< a default route leaves through it
    bool route_v6 = false;
    std::optional<Address> gateway_v4{}; ///< of that route, the best one; a link of two has none
    std::optional<Address> gateway_v6{};
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
        Prefix network; ///< on the link
        bool deprecated = false;
        bool private_use = false; ///< unique local (RFC 4193): rarely routed to the Internet
        bool secondary = false;   ///< or temporary, by which IPv6 means the same bit
        auto operator<=>(const InterfaceAddress&) const = default;
    };
    struct DefaultRoute {
        int index = 0;
        Family family = Family::v4;
        std::uint32_t metric = 0;
        std::optional<Address> gateway;
        std::optional<Address> source; ///< the kernel drops the route with this address
        auto operator<=>(const DefaultRoute&) const = default;
    };

    void on_link(const nlmsghdr& message);
    void on_address(const nlmsghdr& message);
    void on_route(const nlmsghdr& message);
    void forget_address(int index, const Address& address);
    void forget_routes(int index, Family family);
    [[nodiscard]] Uplink uplink(int index, const Link& link) const;
    /// Null when there is none.
    [[nodiscard]] const DefaultRoute* best_route(int index, Family family) const;
    [[nodiscard]] std::vector<InterfaceAddress> addresses_of(int index) const;
    [[nodiscard]] std::vector<Uplink> automatic(const UplinkSelection& selection) const;

    std::map<int, Link> links_;
    std::vector<InterfaceAddress> addresses_; ///< usable now
    std::vector<DefaultRoute> routes_;        ///< of the main table, by nexthop
    bool doubt_ = false;
};

} // namespace braid
