/// What a daemon gives up before it talks to anybody.
///
///   confine(), first of all: own user, CAP_NET_ADMIN and what set-up needs, no_new_privs, filter
///   finish_confinement(), when it is set up: CAP_NET_ADMIN only
///
/// Both before the process has a second thread. Neither can be undone.
#pragma once

#include "common/admin/settings.hpp"
#include "common/base/result.hpp"
#include "common/sys/privilege.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace braid {

/// The user that a daemon runs as where the config names none and the host has it.
constexpr auto default_user = "braid";

/// The user to change to; none: stay as it is. Errors (invalid_argument): `user` names nobody.
[[nodiscard]] Result<std::optional<User>> choose_user(const DaemonSettings& settings);

/// Whether a daemon that this process starts will be able to write settings.kept_file. Changes
/// nothing. Errors: why not, with a hint.
[[nodiscard]] Status check_kept(const DaemonSettings& settings);

/// What confine() needs to know of a start.
struct Confinement {
    const DaemonSettings& settings;
    std::optional<std::filesystem::path> log{}; ///< none: standard error
    bool made_folder = false;                   ///< that of the control socket, by this start
};

/// Hands what the daemon writes to its user and confines the process. The instance lock is held;
/// the log is not open yet. Yields warnings for the log. Where the user is the default one and
/// cannot write beside the control socket, root stays the user, with a warning. Errors: of
/// choose_user; permission_denied, the user that the config names cannot write there; the system's.
[[nodiscard]] Result<std::vector<Error>> confine(const Confinement& confinement);

/// Leaves CAP_NET_ADMIN only. Sockets are bound by now, so that a low port needs no capability
/// any more.
[[nodiscard]] Status finish_confinement();

/// The object `privileges` of a status, as the kernel tells.
[[nodiscard]] nlohmann::json privileges_status();

} // namespace braid
