#include "common/admin/instance_lock.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>

namespace braid {
namespace {

constexpr mode_t owner_only = 0600;

struct flock whole_file()
{
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    return range;
}

/// Yields whether it was missing.
Result<bool> make_folder(const std::filesystem::path& folder)
{
    using std::filesystem::perms;
    std::error_code code;
    if (!std::filesystem::create_directories(folder, code)) {
        if (code) return fail(Error{code, "create " + folder.native(), {}});
        return false; // it was there: its mode is the owner's choice
    }
    constexpr auto mode = perms::owner_all | perms::group_read | perms::group_exec |
                          perms::others_read | perms::others_exec;
    std::filesystem::permissions(folder, mode, code);
    if (code) return fail(Error{code, "chmod " + folder.native(), {}});
    return true;
}

} // namespace

Result<std::optional<InstanceLock>> InstanceLock::take(const DaemonSettings& settings)
{
    const auto path = settings.beside_socket(".lock");
    const auto made = make_folder(path.parent_path());
    if (!made) return fail(made.error());
    Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, owner_only)};
    if (!file) return fail_errno("open", path.native());
    const auto range = whole_file();
    if (::fcntl(file.get(), F_OFD_SETLK, &range) == 0)
        return std::optional{InstanceLock{std::move(file), *made}};
    if (errno == EAGAIN || errno == EACCES) return std::nullopt;
    return fail_errno("lock", path.native());
}

Result<bool> InstanceLock::is_held(const DaemonSettings& settings)
{
    const auto path = settings.beside_socket(".lock");
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file && errno == ENOENT) return false;
    if (!file) return fail_errno("open", path.native());
    auto range = whole_file();
    if (::fcntl(file.get(), F_OFD_GETLK, &range) < 0) return fail_errno("lock", path.native());
    return range.l_type != F_UNLCK;
}

} // namespace braid
