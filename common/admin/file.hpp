/// Small files, read and written as a whole.
#pragma once

#include "common/base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace braid {

/// What reading does where the name is a symbolic link.
enum class Links {
    follow, ///< as an administrator may want
    refuse, ///< where others than our user can make one
};

/// The whole file. Errors: the system's, ELOOP for a link that is refused; file_too_large beyond
/// `most` bytes; invalid_argument, a FIFO or a device.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& file, std::size_t most,
                                            Links links = Links::follow);

/// What becomes of a new file when the power fails.
enum class Sync {
    no,  ///< it may be empty then: for what does not outlive a reboot either
    yes, ///< it is the old or the new one then; takes as long as the disk does
};

/// Puts `text` in the place of the file, mode 0600; readers see the old or the new one, never
/// a part. Errors: the system's, and the old file stays.
[[nodiscard]] Status replace_file(const std::filesystem::path& file, std::string_view text,
                                  Sync sync = Sync::no);

} // namespace braid
