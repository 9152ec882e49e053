/// How a config ranks what the host has of uplinks. PURE.
#pragma once

#include "client/config.hpp"
#include "client/data_usage.hpp"
#include "client/link_table.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace braid {

/// Which interfaces the config lets be uplinks.
[[nodiscard]] UplinkSelection selection_of(const ClientConfig& config);

/// What the config says of one interface; the defaults of a listed one where it is not listed.
[[nodiscard]] UplinkConfig uplink_config(const UplinksConfig& uplinks,
                                         const std::string& interface);

/// Its priority now: with its data cap reached, no better than `at_cap` says.
[[nodiscard]] Priority priority_of(const UplinkConfig& uplink, DataUsage::Cap cap);

/// The rate that it is limited to now, in bit/s.
[[nodiscard]] std::optional<std::uint64_t> limit_of(const UplinkConfig& uplink, DataUsage::Cap cap);

} // namespace braid
