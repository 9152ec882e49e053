/// Kernel settings under /proc/sys, of the network namespace of the calling thread.
#pragma once

#include "common/base/result.hpp"

#include <string>
#include <string_view>

namespace braid {

/// A setting by name with a value: one to write, or what it was before.
struct SysctlValue {
    std::string name;
    std::string value;
    bool operator==(const SysctlValue&) const = default;
};

/// The value of a setting, without the final newline. `name` is written as for sysctl(8),
/// "net.ipv4.ip_forward", or with slashes where a part has dots of its own:
/// "net/ipv4/conf/eth0.100/rp_filter". Errors: ENOENT, this kernel has no such setting.
[[nodiscard]] Result<std::string> read_sysctl(std::string_view name);

/// Sets a setting. Errors: ENOENT; EROFS, EACCES and EPERM with a hint; EINVAL for a value
/// that the kernel refuses.
[[nodiscard]] Status write_sysctl(std::string_view name, std::string_view value);

} // namespace braid
