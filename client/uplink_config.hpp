/// What a config says of uplinks: which interfaces, in which order of preference, and what their
/// data costs.
#pragma once

#include "common/admin/yaml.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

/// How much the user likes an uplink.
enum class Priority : std::uint8_t {
    primary,   ///< used first
    secondary, ///< overflow: used while the primary ones are full, where the policy says so
    backup,    ///< used only when nothing better works
    never,     ///< not used
};
[[nodiscard]] std::string_view name_of(Priority priority);

/// How many bytes an uplink may carry. At least one of both is there.
struct DataCap {
    std::optional<std::uint64_t> daily_bytes{};   ///< of a local day
    std::optional<std::uint64_t> monthly_bytes{}; ///< of a month that starts on reset_day
    unsigned reset_day = 1;                       ///< 1 to 28
    bool operator==(const DataCap&) const = default;
};

/// What becomes of an uplink that has reached its data cap, until the day or month ends.
struct AtCap {
    enum class Action : std::uint8_t {
        backup, ///< used only when nothing better works
        never,  ///< not used
        limit,  ///< used, but not faster than rate_bps
    } action = Action::backup;
    std::uint64_t rate_bps = 0; ///< bit/s, with limit
    bool operator==(const AtCap&) const = default;
};

struct UplinkConfig {
    std::string interface;
    Priority priority = Priority::primary;
    bool metered = false; ///< its data costs money: it gets few probes
    std::optional<DataCap> data_cap{};
    AtCap at_cap{};
    bool operator==(const UplinkConfig&) const = default;
};

/// As the config has them: "daily 500M, monthly 10G, reset_day 5", "limit 256k".
[[nodiscard]] std::string text_of(const DataCap& cap);
[[nodiscard]] std::string text_of(const AtCap& at_cap);

/// The key `uplinks`.
struct UplinksConfig {
    static constexpr std::size_t most_listed = 8;
    static constexpr std::size_t most_patterns = 64;

    /// Every interface with a default route is an uplink, also one that appears later, but for
    /// those that match a pattern of `exclude` and are not listed.
    bool automatic = true;
    std::vector<std::string> exclude = default_exclude(); ///< patterns of fnmatch(3)
    std::vector<UplinkConfig> listed{};                   ///< best first
    bool operator==(const UplinksConfig&) const = default;

    /// Devices of virtual machines, containers and other VPNs.
    [[nodiscard]] static std::vector<std::string> default_exclude();
};

/// Reads the key `uplinks`, where it is present; `tun`, the tunnel's own device, is none.
void read_uplinks(const YamlNode& node, const std::string& tun, UplinksConfig& out);

} // namespace braid
