#include "common/sys/sysctl.hpp"

#include "common/sys/fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace braid {
namespace {

constexpr std::size_t longest_value = 4096; ///< a page, the most that these files yield

/// The file of a setting; empty when the name would lead out of /proc/sys.
std::string path_of(std::string_view name)
{
    const bool is_path = name.find('/') != std::string_view::npos;
    if (name.empty() || name.find('\0') != std::string_view::npos) return {};
    if (is_path && (name.starts_with('/') || name.find("..") != std::string_view::npos)) return {};
    std::string path{name};
    if (!is_path) std::ranges::replace(path, '.', '/');
    return "/proc/sys/" + path;
}

Error with_hint(Error error)
{
    if (error.code == std::errc::read_only_file_system)
        error.hint = "/proc/sys is read-only here (a container?): set it on the host, or run with "
                     "a writable /proc/sys";
    else if (error.code == std::errc::permission_denied ||
             error.code == std::errc::operation_not_permitted)
        error.hint = "run as root or with CAP_NET_ADMIN; systemd's ProtectKernelTunables also "
                     "forbids it";
    else if (error.code == std::errc::no_such_file_or_directory)
        error.hint = "this kernel has no such setting: is its module loaded?";
    return error;
}

Result<Fd> open_setting(std::string_view name, int flags, std::string_view attempt)
{
    const std::string path = path_of(name);
    if (path.empty())
        return fail(std::errc::invalid_argument, std::string{name}.append(": no name of a sysctl"));
    Fd fd{::open(path.c_str(), flags | O_CLOEXEC)};
    if (!fd) return fail(with_hint(fail_errno(attempt, name).value()));
    return fd;
}

} // namespace

Result<std::string> read_sysctl(std::string_view name)
{
    const auto fd = open_setting(name, O_RDONLY, "read sysctl");
    if (!fd) return fail(fd.error());
    std::array<char, longest_value> buffer;
    const auto size = ::read(fd->get(), buffer.data(), buffer.size());
    if (size < 0) return fail(with_hint(fail_errno("read sysctl", name).value()));
    std::string value{buffer.data(), static_cast<std::size_t>(size)};
    if (value.ends_with('\n')) value.pop_back();
    return value;
}

Status write_sysctl(std::string_view name, std::string_view value)
{
    const std::string attempt = std::string{"write '"}.append(value).append("' to sysctl");
    const auto fd = open_setting(name, O_WRONLY, attempt);
    if (!fd) return fail(fd.error());
    if (::write(fd->get(), value.data(), value.size()) < 0)
        return fail(with_hint(fail_errno(attempt, name).value()));
    return {};
}

} // namespace braid
