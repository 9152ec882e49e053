/// What the client changes on its host: the TUN's addresses, routes and rules, rules for subflows,
/// rp_filter.
/// Everything is undone by remove() or, after a crash, by cleanup().
#pragma once

#include "client/config.hpp"
#include "client/link_table.hpp"
#include "client/routes.hpp"
#include "client/source_rules.hpp"
#include "common/admin/state_file.hpp"
#include "common/sys/tun.hpp"
#include "common/wire/message.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace braid {

class HostSetup {
public:
    /// Creates the TUN, without addresses or routes yet, and tells the kernel not to give MPTCP up
    /// for an hour after a SYN of it has had no answer. Finds out whether subflows need source
    /// rules, within 300 ms. `state` outlives this object.
    [[nodiscard]] static Result<HostSetup> open(const ClientConfig& config, StateFile& state);

    [[nodiscard]] Tun& tun() noexcept { return tun_; }
    /// Brings TUN and routes to what the server gave. Idempotent.
    [[nodiscard]] Status apply(const TunnelConfig& tunnel);
    /// Routes other prefixes from now on, at once where a tunnel is applied. Errors: of apply();
    /// then the old ones are back, as far as the host lets them.
    [[nodiscard]] Status reroute(std::vector<Prefix> routed);
    /// Sets strict reverse-path filters of the uplinks to loose: replies to a subflow come in
    /// by an uplink that the main route does not use.
    [[nodiscard]] Status loosen_filters(const std::vector<Uplink>& uplinks);

    /// Routes what goes from these uplinks' addresses to `servers` over the uplink that the address
    /// belongs to, where this kernel or the config needs it. Idempotent. Errors: of SourceRules.
    [[nodiscard]] Status steer(const std::vector<Uplink>& uplinks,
                               const std::vector<Address>& servers);

    /// Puts back what the entries of a state file name and removes rules and routes that carry
    /// our marks. Works from nothing.
    [[nodiscard]] static Status cleanup(const std::vector<nlohmann::json>& entries);

private:
    HostSetup(std::vector<Prefix> routed, StateFile& state, Tun tun, Routes routes,
              std::optional<SourceRules> source_rules);

    std::vector<Prefix> routed_; ///< the user's prefixes
    std::optional<TunnelConfig> applied_{};
    StateFile& state_;
    Tun tun_;
    Routes routes_;
    std::optional<SourceRules> source_rules_; ///< where they are needed
};

} // namespace braid
