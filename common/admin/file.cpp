#include "common/admin/file.hpp"

#include "common/sys/fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace braid {
namespace {

Status write_all(const Fd& to, std::string_view text, std::string_view name)
{
    while (!text.empty()) {
        const auto put = ::write(to.get(), text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_errno("write", name);
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

} // namespace

Result<std::string> read_file(const std::filesystem::path& file, std::size_t most, Links links)
{
    const int no_follow = links == Links::refuse ? O_NOFOLLOW : 0;
    // Non-blocking: a FIFO without a writer would hold us here.
    const Fd from{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | no_follow)};
    if (!from) return fail_errno("open", file.native());
    struct stat about {};
    if (::fstat(from.get(), &about) < 0) return fail_errno("stat", file.native());
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) // read(2) names a folder
        return fail(std::errc::invalid_argument, "open " + file.native() + ": not a regular file");
    std::string text;
    std::array<char, 16384> chunk{};
    while (text.size() <= most) {
        const auto got = ::read(from.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read", file.native());
        if (got == 0) return text;
        text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return fail(std::errc::file_too_large,
                "read " + file.native() + ": larger than " + std::to_string(most) + " bytes");
}

Status replace_file(const std::filesystem::path& file, std::string_view text, Sync sync)
{
    constexpr mode_t owner_only = 0600;
    const std::string fresh = file.native() + ".new";
    ::unlink(fresh.c_str()); // what was left there; a FIFO without a reader would hold us
    const Fd to{
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, owner_only)};
    if (!to) return fail_errno("create", fresh);
    auto written = write_all(to, text, fresh);
    if (written && sync == Sync::yes && ::fsync(to.get()) < 0) written = fail_errno("fsync", fresh);
    if (written && ::rename(fresh.c_str(), file.c_str()) < 0) written = fail_errno("rename", fresh);
    if (!written) ::unlink(fresh.c_str());
    return written;
}

} // namespace braid
