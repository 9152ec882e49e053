/// Rules that make a subflow leave by its uplink on a kernel that does not bind it to the device
/// (SubflowBinding::ignored): for each address of an uplink that subflows come from
///   8683: from ADDRESS lookup TABLE
/// and in that table, one for each uplink, the way to the server: what has such a source and goes
/// elsewhere finds nothing there and is routed as ever.
#pragma once

#include "client/link_table.hpp"
#include "client/own_routing.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace braid {

/// Routes and rules that should be, of both families; equal plans mean nothing to do.
struct SourcePlan {
    struct Rule {
        Address source;
        std::uint32_t table = 0;
        bool operator==(const Rule&) const = default;
    };
    std::vector<OwnRoute> routes;
    std::vector<Rule> rules;
    bool operator==(const SourcePlan&) const = default;

    /// As `ip route` / `ip rule` lines, for tests and logs; a device is `if` and its index.
    [[nodiscard]] std::string text() const;
};

/// PURE. The ways to `servers` by uplinks that have an address and a default route of their
/// family, with or without carrier: by the gateway of that route, or directly where the server
/// is on the link.
[[nodiscard]] SourcePlan plan_source_rules(const std::vector<Uplink>& uplinks,
                                           const std::vector<Address>& servers);

class SourceRules {
public:
    static constexpr std::uint32_t rule_priority = 8683; ///< before those of Routes
    /// Tables are this and the index of the uplink's device, modulo table_count.
    static constexpr std::uint32_t first_table = 868'400'000;
    static constexpr std::uint32_t table_count = 100'000;

    [[nodiscard]] static Result<SourceRules> open();

    /// Adds what is missing, then deletes what is ours and not in the plan. Idempotent; what others
    /// have deleted is put back. Errors: of OwnRouting.
    [[nodiscard]] Status apply(const SourcePlan& plan);
    /// Deletes all that carries our marks; works from nothing after a crash.
    [[nodiscard]] Status remove_all();

private:
    explicit SourceRules(OwnRouting own) noexcept : own_(std::move(own)) {}
    [[nodiscard]] Status apply_family(const SourcePlan& plan, Family family);

    OwnRouting own_;
};

} // namespace braid
