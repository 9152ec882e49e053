#include "common/admin/sysctl_journal.hpp"

#include <spdlog/spdlog.h>

namespace braid {
namespace {

/// A field of a journal entry; empty when it is missing or no text: the file may be damaged.
std::string text_of(const nlohmann::json& entry, const char* key)
{
    const auto found = entry.is_object() ? entry.find(key) : entry.end();
    return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// We change no others. The journal may belong to a less trusted user than root, who reads it
/// after a crash.
bool is_ours(const std::string& name)
{
    return name.starts_with("net.") || name.starts_with("net/");
}

} // namespace

nlohmann::json sysctl_entry(const SysctlValue& old)
{
    return {{"sysctl", old.name}, {"old", old.value}};
}

Status change_sysctl(const SysctlValue& change, StateFile& state)
{
    const auto old = read_sysctl(change.name);
    if (!old) return fail(old.error());
    if (*old == change.value) return {};
    if (auto noted = state.record(sysctl_entry({change.name, *old})); !noted) return noted;
    spdlog::info("sysctl {}={} (was {})", change.name, change.value, *old);
    return write_sysctl(change.name, change.value);
}

Status restore_sysctls(const std::vector<nlohmann::json>& entries)
{
    Status outcome;
    // Not std::views::reverse, which clang 14 cannot compile with the library of GCC 12.
    for (auto next = entries.rbegin(); next != entries.rend(); ++next) {
        const auto& entry = *next;
        const auto name = text_of(entry, "sysctl");
        const auto old = text_of(entry, "old");
        if (!is_ours(name)) continue;
        const auto now = read_sysctl(name);
        if (!now && now.error().code == std::errc::no_such_file_or_directory) continue;
        if (now && *now == old) continue;
        spdlog::info("sysctl {}={} (restored)", name, old);
        if (auto written = write_sysctl(name, old); !written) outcome = std::move(written);
    }
    return outcome;
}

} // namespace braid
