#include "common/admin/root_path.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <system_error>

namespace braid {
namespace {

constexpr int most_links = 8; ///< that lead to each other

/// Of an absolute path.
bool is_roots_way(const std::filesystem::path& way, int links_left)
{
    std::filesystem::path step;
    for (const auto& name : way) {
        step /= name;
        struct stat about {};
        if (::lstat(step.c_str(), &about) < 0) return errno == ENOENT;
        if (about.st_uid != 0) return false;
        const bool others_write = (about.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        if (S_ISDIR(about.st_mode) && others_write && (about.st_mode & S_ISVTX) == 0) return false;
        if (!S_ISLNK(about.st_mode)) continue;
        std::error_code code;
        const auto target = std::filesystem::read_symlink(step, code);
        if (code || links_left == 0) return false;
        if (!is_roots_way(step.parent_path() / target, links_left - 1)) return false;
    }
    return true;
}

} // namespace

bool only_root_changes(const std::filesystem::path& folder)
{
    std::error_code code;
    const auto way = std::filesystem::absolute(folder, code);
    return !code && is_roots_way(way, most_links);
}

} // namespace braid
