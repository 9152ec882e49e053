/// The undo journal: what a daemon has changed on the host, written before it is changed, so
/// that whoever comes after a crash can put it back.
#pragma once

#include "common/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace braid {

/// Where host changes hold: this boot of the machine, this network namespace.
struct HostIdentity {
    std::string boot_id;
    std::uint64_t network_namespace = 0; ///< inode of /proc/self/ns/net
    auto operator<=>(const HostIdentity&) const noexcept = default;
};

/// Errors: /proc cannot be read.
[[nodiscard]] Result<HostIdentity> host_identity();

/// One daemon's journal: a JSON file of free-form entries such as
/// {"sysctl": "net.ipv4.ip_forward", "old": "0"}. Nothing of it is erased by destruction:
/// only clear() says that everything has been put back.
class StateFile {
public:
    static constexpr std::size_t max_entries = 1024;

    /// A new empty journal, on disk at once (a crash is recognised by the file's existence).
    [[nodiscard]] static Result<StateFile> create(std::filesystem::path file, HostIdentity host);

    /// Adds an entry and writes the whole journal (to a temporary file, synced, renamed): call
    /// it before the change. On an error do not make the change. Errors: no_buffer_space
    /// beyond max_entries; writing failed.
    [[nodiscard]] Status record(nlohmann::json entry);
    [[nodiscard]] const std::vector<nlohmann::json>& entries() const noexcept { return entries_; }
    /// Everything has been put back: removes the file.
    [[nodiscard]] Status clear();

private:
    StateFile(std::filesystem::path file, HostIdentity host);
    [[nodiscard]] Status write() const;

    std::filesystem::path file_;
    HostIdentity host_;
    std::vector<nlohmann::json> entries_;
};

/// The entries that a daemon left behind when it died, oldest first; none when there is no
/// such file, or when it belongs to another boot or network namespace (its changes are gone or
/// out of reach). No entries, but not none, when it makes no sense: too large, too deep, or with a
/// warning in the log, a link, a folder or the like, which is not opened. Errors: the file cannot
/// be read.
[[nodiscard]] Result<std::optional<std::vector<nlohmann::json>>>
load_stale_state(const std::filesystem::path& file, const HostIdentity& host);

/// Removes a journal, or whatever the user that may write in its folder has put in its place. A
/// folder is renamed, with a warning in the log. Errors: the system's; that there is none is none.
[[nodiscard]] Status remove_state(const std::filesystem::path& file);

} // namespace braid
