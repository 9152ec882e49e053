/// Paths that root may trust.
#pragma once

#include <filesystem>

namespace braid {

/// Whether nobody but root can change where the path leads: every folder and symbolic link on it,
/// and on the way to which a link points, is root's, and others can write in none of the folders,
/// or have the sticky bit there. What is missing ends the look: ask again when it is made.
[[nodiscard]] bool only_root_changes(const std::filesystem::path& folder);

} // namespace braid
