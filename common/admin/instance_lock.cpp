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

/// Yields whether it was missing. One that was there keeps its mode, which is its owner's choice.
Result<bool> make_folder(const std::filesystem::path& folder)
{
    constexpr mode_t no_write_for_others = 022;
    std::error_code code;
    // Not chmod(2) afterwards: by then the path may lead elsewhere, if others can change it.
    const mode_t before = ::umask(no_write_for_others);
    const bool made = std::filesystem::create_directories(folder, code);
    ::umask(before);
    if (code) return fail(Error{code, "create " + folder.native(), {}});
    return made;
}

/// Empty, with errno, when it can neither be opened nor made.
Fd open_lock(const std::filesystem::path& path)
{
    constexpr int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    Fd there{::open(path.c_str(), flags)};
    if (there || errno != ENOENT) return there;
    // Not both in one call: in a folder with the sticky bit O_CREAT is refused for another's file
    // (fs.protected_regular), even to root.
    Fd made{::open(path.c_str(), flags | O_CREAT | O_EXCL, owner_only)};
    if (made || errno != EEXIST) return made;
    return Fd{::open(path.c_str(), flags)}; // somebody was faster
}

} // namespace

Result<std::optional<InstanceLock>> InstanceLock::take(const DaemonSettings& settings)
{
    const auto path = settings.beside_socket(".lock");
    const auto made = make_folder(path.parent_path());
    if (!made) return fail(made.error());
    Fd file = open_lock(path);
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
    // Non-blocking: a FIFO without a writer would hold us here.
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
    if (!file && errno == ENOENT) return false;
    if (!file) return fail_errno("open", path.native());
    auto range = whole_file();
    if (::fcntl(file.get(), F_OFD_GETLK, &range) < 0) return fail_errno("lock", path.native());
    return range.l_type != F_UNLCK;
}

} // namespace braid
