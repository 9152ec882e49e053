/// The settings that both programs have: where the daemon is controlled and where it logs.
#pragma once

#include "common/admin/yaml.hpp"
#include "common/base/log.hpp"
#include "common/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace braid {

/// `user`, `workers`, `control.*` and `log.*` of a config.
struct DaemonSettings {
    std::filesystem::path control_socket{};          ///< shorter than 108 bytes (sun_path)
    LogLevel log_level = LogLevel::info;             ///< least severe level that is logged
    std::optional<std::filesystem::path> log_file{}; ///< none: stderr, or beside the socket
    std::optional<std::string> user{};               ///< none: braid where there is one
    /// What the daemon keeps from one start to the next, in a folder of its own; none: nothing.
    std::optional<std::filesystem::path> kept_file{};

    /// Threads that seal and open records, the loop's own included, 1 to 16; none: auto.
    std::optional<std::uint32_t> workers{};

    /// The control socket's path with `suffix` after it: ".lock", ".state".
    [[nodiscard]] std::filesystem::path beside_socket(std::string_view suffix) const;
    /// Where a daemon in the background logs: log_file, or the socket's path with .log.
    [[nodiscard]] std::filesystem::path background_log() const;
};

/// Where a config text comes from.
struct ConfigSource {
    std::string name;             ///< how error texts call it: the path as the user gave it
    std::filesystem::path folder; ///< what relative paths in it start from
};

/// That of a config file.
[[nodiscard]] ConfigSource config_source(const std::filesystem::path& file);

/// Says whether a key file is in order: a parameter, so that tests and fuzzers need no files.
using KeyFileCheck = std::function<Status(const std::filesystem::path&)>;

/// Says that only we or root own a key file, so that nobody else can open it to others.
[[nodiscard]] Status check_key_owner(const std::filesystem::path& file);

/// Reads `user`, `workers`, `control` and `log` below the root of a config; what is absent keeps
/// its value.
void read_daemon_settings(const YamlNode& root, const ConfigSource& source,
                          DaemonSettings& settings);

/// Only these settings of a config file, whatever else is in it: enough to ask and to stop a
/// daemon whose config has been broken since, or whose keys we may not read.
[[nodiscard]] Result<DaemonSettings> load_daemon_settings(const std::filesystem::path& file,
                                                          DaemonSettings defaults);

/// Reads a path; relative ones start from the config's folder.
[[nodiscard]] YamlParser<std::filesystem::path> path_from(const ConfigSource& source);
/// As path_from, and checks the key file.
[[nodiscard]] YamlParser<std::filesystem::path> key_file_from(const ConfigSource& source,
                                                              KeyFileCheck check);

/// The name of a user, whether this host has it or not.
[[nodiscard]] Result<std::string> parse_user_name(const std::string& text);

/// A name that the kernel takes for an interface: 1 to 15 bytes, no slash, space or colon.
[[nodiscard]] Result<std::string> parse_interface_name(const std::string& text);

/// A name for the TUN: one that sysctl paths, nft and every tool take as it is, too.
[[nodiscard]] Result<std::string> parse_tun_name(const std::string& text);

} // namespace braid
