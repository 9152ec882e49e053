/// Routes and policy rules with our mark (routing protocol 86), in the kernel.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/netlink.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace braid {

/// A route of ours, wanted or in the kernel. Its metric is always OwnRouting's.
struct OwnRoute {
    Prefix prefix;
    std::uint32_t table = 0;
    int device = 0; ///< 0: unreachable
    std::optional<Address> gateway{};
    bool operator==(const OwnRoute&) const = default;

    [[nodiscard]] std::string text() const { return "route " + prefix.text(); }
    /// Only one of these can be.
    [[nodiscard]] bool same_place(const OwnRoute& other) const
    {
        return prefix == other.prefix && table == other.table;
    }
};

/// A policy rule that leads to a table.
struct OwnRule {
    std::uint32_t priority = 0;
    std::uint32_t table = 0;
    std::optional<std::uint32_t> suppress_length{}; ///< routes no longer than this are passed over
    std::optional<Prefix> source{};
    bool operator==(const OwnRule&) const = default;

    [[nodiscard]] std::string text() const { return "rule " + std::to_string(priority); }
};

/// What should be, or is, of one family.
struct OwnEntries {
    std::vector<OwnRoute> routes;
    std::vector<OwnRule> rules;
};

class OwnRouting {
public:
    static constexpr std::uint8_t protocol = 86; ///< routing protocol that marks ours
    static constexpr std::uint32_t metric = 50;  ///< before what DHCP clients add

    [[nodiscard]] static Result<OwnRouting> open();

    /// Routes with our mark, of all tables, and all rules that lead to a table, whoever made
    /// them. Errors: of the kernel; without IPv6 those that leave_out_ipv6() takes.
    [[nodiscard]] Result<OwnEntries> list(Family family);
    /// Adds what `present` lacks, then deletes what is not wanted; rules come after the routes that
    /// they lead to, and go before them. Errors: of the kernel, naming the route: EEXIST with a
    /// hint, somebody else's route is in the way; ENETDOWN, the device is down.
    [[nodiscard]] Status reconcile(Family family, const OwnEntries& wanted,
                                   const OwnEntries& present);

private:
    explicit OwnRouting(Netlink netlink) noexcept : netlink_(std::move(netlink)) {}

    Netlink netlink_;
};

/// "default" or the prefix; "main" or the number; "ip -4 " or "ip -6 ": as iproute2 writes them.
[[nodiscard]] std::string destination_text(const Prefix& prefix);
[[nodiscard]] std::string table_text(std::uint32_t table);
[[nodiscard]] std::string_view ip_text(Family family);

/// The outcome of work on IPv6: success too, and logged, where the error means that the host has
/// no IPv6, or on no device.
[[nodiscard]] Status leave_out_ipv6(const Status& done);

} // namespace braid
