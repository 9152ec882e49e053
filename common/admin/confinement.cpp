#include "common/admin/confinement.hpp"

#include "common/admin/root_path.hpp"
#include "common/base/log.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/seccomp.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace braid {
namespace {

/// Bytes: some pages for each key, of 4096 peers and more.
constexpr std::size_t locked_memory = std::size_t{64} << 20;
constexpr uid_t first_human = 1000; ///< smaller ones are system users (login.defs)
constexpr auto default_folder = "/run/braid";
constexpr auto default_kept_folder = "/var/lib/braid";
constexpr auto add_user = "useradd --system --no-create-home --shell /usr/sbin/nologin ";

/// Lets members of the group make files in the folder, and nobody remove those of others.
constexpr mode_t shared_folder_mode = 01775;

Error plain(std::errc code, std::string what, std::string hint = {})
{
    return {std::make_error_code(code), std::move(what), std::move(hint)};
}

/// Opens a folder to the group of the user. Root keeps it, so that daemons of root and of the user
/// can stand side by side. One that is not root's alone is left as it is.
Status share_folder(const std::filesystem::path& path, const User& user)
{
    const Fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
    if (!folder) return fail_errno("open", path.native());
    struct stat about {};
    if (::fstat(folder.get(), &about) < 0) return fail_errno("stat", path.native());
    if (about.st_uid != 0 || about.st_gid != 0) return {};
    if (::fchown(folder.get(), 0, user.group) < 0) return fail_errno("chown", path.native());
    if (::fchmod(folder.get(), shared_folder_mode) < 0) return fail_errno("chmod", path.native());
    return {};
}

/// Shares the control socket's folder if it is ours: one that this start has made, and /run/braid.
Status open_folder(const Confinement& confinement, const User& user)
{
    const auto path = confinement.settings.control_socket.parent_path();
    if (!confinement.made_folder && path != default_folder) return {};
    if (!only_root_changes(path)) return {};
    return share_folder(path, user);
}

/// Gives a plain file to the user, in a folder of only_root_changes(). Nothing happens where there
/// is none, or anything else: the folder may be shared with others, who must not get foreign files
/// by links.
void give_file(const std::filesystem::path& path, const User& user)
{
    const Fd file{::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    struct stat about {};
    if (!file || ::fstat(file.get(), &about) < 0) return;
    if (!S_ISREG(about.st_mode) || about.st_nlink != 1) return;
    [[maybe_unused]] const int given = ::fchown(file.get(), user.id, user.group);
}

/// Makes the log where it is missing: the user may have no right to.
void give_log(const std::filesystem::path& log, const User& user)
{
    constexpr mode_t mode = 0644;
    const auto folder = log.parent_path();
    if (!only_root_changes(folder)) return;
    std::error_code code;
    const bool made = std::filesystem::create_directories(folder, code);
    // In a folder with the sticky bit somebody may have been faster.
    if (code || !only_root_changes(folder)) return;
    if (made && user.id != 0) [[maybe_unused]]
        const auto shared = share_folder(folder, user);
    // Not both in one call: in a folder with the sticky bit O_CREAT is refused for another's file
    // (fs.protected_regular), even to root.
    Fd{::open(log.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)};
    give_file(log, user);
    give_file(older_log(log), user);
}

/// What an earlier daemon, perhaps of another user, has left beside the control socket.
void give_remains(const DaemonSettings& settings, const User& user)
{
    const auto& socket = settings.control_socket;
    if (!only_root_changes(socket.parent_path())) return;
    for (const auto* suffix : {".state", ".state.new"})
        give_file(settings.beside_socket(suffix), user);
    struct stat about {};
    if (::lstat(socket.c_str(), &about) == 0 && S_ISSOCK(about.st_mode)) ::unlink(socket.c_str());
}

/// Makes the folder of what is kept from one start to the next, where it is missing, and gives the
/// user what is in it. It is shared like the socket's if this start has made it, or it is
/// /var/lib/braid.
void give_kept(const std::filesystem::path& file, const User& user)
{
    const auto folder = file.parent_path();
    if (!only_root_changes(folder)) return;
    std::error_code code;
    const bool made = std::filesystem::create_directories(folder, code);
    if (code || !only_root_changes(folder)) return; // as with the log
    if ((made || folder == default_kept_folder) && user.id != 0) [[maybe_unused]]
        const auto shared = share_folder(folder, user);
    give_file(file, user);
}

/// Whether the daemon could keep its journal as that user, root being one without capabilities.
Status check_folder(const Confinement& confinement, const User& user)
{
    const auto folder = confinement.settings.control_socket.parent_path();
    auto checked = check_access(user, folder, W_OK | X_OK);
    if (checked) return checked;
    auto error = checked.error();
    error.hint =
        user.id == 0 ? "chown root " : "install -d -m 1775 -g " + std::to_string(user.group) + " ";
    error.hint.append(folder.native()).append(", or choose another control.socket");
    return fail(std::move(error));
}

/// The user that root becomes, with the folder opened to it; none: root stays.
Result<std::optional<User>> settle_user(const Confinement& confinement,
                                        std::vector<Error>& warnings)
{
    auto user = choose_user(confinement.settings);
    if (!user || !*user) return user;
    const bool named = confinement.settings.user.has_value();
    auto usable = open_folder(confinement, **user);
    if (usable) usable = check_folder(confinement, **user);
    if (usable) return user;
    if (named) return fail(usable.error());
    warnings.push_back(usable.error());
    return std::nullopt;
}

Status change_user(const Confinement& confinement, std::vector<Error>& warnings)
{
    const auto user = settle_user(confinement, warnings);
    if (!user) return fail(user.error());
    const User root{.name = "root", .id = 0, .group = 0};
    if (!*user) {
        if (auto usable = check_folder(confinement, root); !usable) return usable;
    }
    // What cannot be given is told by whoever opens it.
    give_remains(confinement.settings, user->value_or(root));
    const auto& kept = confinement.settings.kept_file;
    if (kept) give_kept(*kept, user->value_or(root));
    if (confinement.log) give_log(*confinement.log, user->value_or(root));
    return *user ? become_user(**user) : Status{};
}

/// Who is not root cannot change.
Status stay_user(const DaemonSettings& settings, std::vector<Error>& warnings)
{
    const auto user = choose_user(settings);
    if (!user) return fail(user.error());
    if (settings.user && (!*user || (*user)->id != ::geteuid()))
        warnings.push_back(plain(std::errc::operation_not_permitted,
                                 "not started as root: does not become user " + *settings.user));
    return {};
}

} // namespace

Result<std::optional<User>> choose_user(const DaemonSettings& settings)
{
    const std::string name = settings.user.value_or(default_user);
    auto user = find_user(name);
    if (!user) return user;
    if (!*user && settings.user)
        return fail(plain(std::errc::invalid_argument, "user: this host has no user '" + name + "'",
                          add_user + name));
    const bool human = *user && (*user)->id >= first_human;
    if (*user && ((*user)->id == 0 || (human && !settings.user))) return std::nullopt;
    return user;
}

Status check_kept(const DaemonSettings& settings)
{
    if (!settings.kept_file) return {};
    const auto folder = settings.kept_file->parent_path();
    const bool is_root = ::geteuid() == 0;
    auto user = choose_user(settings);
    if (!user) return fail(user.error());
    std::error_code code;
    const bool there = std::filesystem::exists(folder, code);
    Status checked;
    if (is_root && (!there || folder == default_kept_folder)) {
        if (!only_root_changes(folder))
            checked = fail(std::errc::permission_denied,
                           folder.native() + ": others than root can change the way to it");
    } else if (is_root) {
        const User root{.name = "root", .id = 0, .group = 0};
        checked = check_access(user->value_or(root), folder, W_OK | X_OK);
    } else if (::access(folder.c_str(), W_OK | X_OK) < 0) {
        checked = fail_errno("access", folder.native());
    }
    if (!checked)
        checked.error().hint = "make it for the daemon's user, or choose another state_dir";
    return checked;
}

Result<std::vector<Error>> confine(const Confinement& confinement)
{
    std::vector<Error> warnings;
    allow_locked_memory(locked_memory);
    const auto changed = ::geteuid() == 0 ? change_user(confinement, warnings)
                                          : stay_user(confinement.settings, warnings);
    if (!changed) return fail(changed.error());
    if (const auto forbidden = forbid_core_dumps(); !forbidden) return fail(forbidden.error());
    // /dev/net/tun may be root's own; a port below 1024 may be listened on.
    const auto kept = keep_capabilities(
        {.effective = {CAP_NET_ADMIN, CAP_NET_BIND_SERVICE}, .reserve = {CAP_DAC_OVERRIDE}});
    if (!kept) return fail(kept.error());
    if (const auto filter = install_seccomp_filter(); !filter) warnings.push_back(filter.error());
    return warnings;
}

Status finish_confinement()
{
    return keep_capabilities({.effective = {CAP_NET_ADMIN}});
}

nlohmann::json privileges_status()
{
    const auto present = present_privileges();
    return {{"user", present.user},
            {"capabilities", present.capabilities},
            {"no_new_privs", present.no_new_privs},
            {"seccomp", present.seccomp},
            {"core_dumps", present.core_dumps}};
}

} // namespace braid
