/// The interfaces behind which a LAN may be that this host forwards into the tunnel.
#pragma once

#include "client/config.hpp"
#include "client/link_table.hpp"
#include "common/base/result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace braid {

/// An interface of this host, as far as forwarding goes.
struct ForwardingInterface {
    std::string name;
    bool running = false;                  ///< up, and carrier
    bool forwards = false;                 ///< packets that come in, of IPv4 or IPv6
    std::optional<bool> receive_offload{}; ///< GRO; nothing when it is not known
};

/// The interfaces that forward what they receive packet by packet, though they could put packets
/// together: GRO is off. Uplinks, the TUN, `lo`, and devices of containers, virtual machines and
/// other VPNs (UplinksConfig::default_exclude) do not count. PURE.
[[nodiscard]] std::vector<std::string>
without_receive_offload(const std::vector<ForwardingInterface>& interfaces,
                        const std::vector<Uplink>& uplinks, const std::string& tun);

/// The same for this host as it is now. Needs no privilege. Errors: of netlink.
[[nodiscard]] Result<std::vector<std::string>>
lan_without_receive_offload(const ClientConfig& config);

} // namespace braid
