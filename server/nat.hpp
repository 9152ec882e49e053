/// Network address translation for tunnel traffic towards the Internet: one nft table of our
/// own, loaded atomically through libnftables, and the forwarding sysctls it needs.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/sysctl.hpp"

#include <string>
#include <vector>

namespace braid {

/// PURE: the nft script that (re)creates table `inet braid_<tun>`: masquerade of what comes
/// from `inner` networks and leaves through another device than the tunnel.
[[nodiscard]] std::string nat_ruleset(const std::string& tun, const std::vector<Prefix>& inner);

/// Loads the table. Error texts carry nft's own message.
[[nodiscard]] Status apply_nat(const std::string& tun, const std::vector<Prefix>& inner);
/// Removes the table; no error when it is not there.
[[nodiscard]] Status remove_nat(const std::string& tun);

/// The sysctls that forwarding needs and that differ now: IPv4 and IPv6 forwarding, and
/// accept_ra=2 on interfaces that learn their route from router advertisements (forwarding
/// would make them deaf to these). Each with the value to write, in order. Names are written with
/// slashes.
[[nodiscard]] Result<std::vector<SysctlValue>> forwarding_changes();
/// What undoes those writes, in the order in which it must be written: the switches, which reset
/// other settings as they did when they were set, and then, with their values now, those of these
/// that had another value. Settings of interfaces that have gone by then are to be passed over.
[[nodiscard]] Result<std::vector<SysctlValue>> forwarding_undo();

} // namespace braid
