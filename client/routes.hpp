/// The host's routing while the tunnel is up: what goes through it, and what stays outside.
///
/// Default routes of the tunnel live in a table of their own, behind two rules:
///   8684: from all lookup main suppress_prefixlength 0   (LAN and uplink subnets stay direct)
///   8685: from all lookup 8684
/// Narrower prefixes go into the main table, where the longest prefix wins. Our subflows are
/// bound to their devices, so neither rule nor route catches them.
///
/// A family that has no inner address must not leak past the tunnel. For IPv6 its routes are
/// `unreachable`: programs fail at once and turn to IPv4. For IPv4 they lead into the TUN all the
/// same (the server drops what has a foreign source), because an IPv4 lookup takes an unreachable
/// route for everybody, also for sockets bound to a device, and then believes the server to be on
/// the link (fib_table_lookup, ip_route_output_key_hash_rcu); an IPv6 lookup does not.
#pragma once

#include "client/own_routing.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace braid {

/// The routing that should be; equal plans mean nothing to do.
struct RoutingPlan {
    struct Route {
        Prefix prefix;
        std::uint32_t table = 0;
        bool unreachable = false;
        bool operator==(const Route&) const = default;
    };
    std::vector<Route> routes;
    std::vector<Family> rules; ///< families that get the two rules
    bool operator==(const RoutingPlan&) const = default;

    /// As `ip route` / `ip rule` lines, for tests and logs.
    [[nodiscard]] std::string text(const std::string& tun) const;
};

/// PURE. `routes` are the user's prefixes, `inner` the addresses that the server gave.
[[nodiscard]] RoutingPlan plan_routing(const std::vector<Prefix>& routes,
                                       const std::vector<Prefix>& inner);

class Routes {
public:
    static constexpr std::uint32_t table = 8684;
    static constexpr std::uint32_t rule_priority = 8684; ///< and the next

    [[nodiscard]] static Result<Routes> open();

    /// Adds what is missing, then deletes what is ours and not in the plan. Idempotent. IPv6 is
    /// left out where the host has none. Errors: of OwnRouting; ENETDOWN, the TUN is down.
    [[nodiscard]] Status apply(const RoutingPlan& plan, int tun_index);
    /// Deletes all that carries our marks; works from nothing after a crash. No error when
    /// there is nothing.
    [[nodiscard]] Status remove_all();

private:
    explicit Routes(OwnRouting own) noexcept : own_(std::move(own)) {}
    [[nodiscard]] Status apply_family(const RoutingPlan& plan, Family family, int tun_index);

    OwnRouting own_;
};

} // namespace braid
