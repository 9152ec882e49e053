/// Changes of sysctls that are noted in the undo journal first.
#pragma once

#include "common/admin/state_file.hpp"
#include "common/base/result.hpp"
#include "common/sys/sysctl.hpp"

#include <nlohmann/json.hpp>
#include <vector>

namespace braid {

/// The journal entry that says what a sysctl was.
[[nodiscard]] nlohmann::json sysctl_entry(const SysctlValue& old);

/// Notes the present value in `state`, then writes the new one. Errors: of StateFile::record,
/// read_sysctl and write_sysctl.
[[nodiscard]] Status change_sysctl(const SysctlValue& change, StateFile& state);

/// Writes back every sysctl that the entries name, the first noted value of each, in the order
/// of the entries' reversal. Sysctls that have gone (with their interface) are skipped, and those
/// outside net. Goes on after an error and yields the last one.
[[nodiscard]] Status restore_sysctls(const std::vector<nlohmann::json>& entries);

} // namespace braid
