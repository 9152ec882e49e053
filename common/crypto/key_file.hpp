/// Key files: one base64 line that only its owner may read.
#pragma once

#include "common/base/result.hpp"
#include "common/crypto/keys.hpp"

#include <filesystem>

namespace braid {

/// The private key in a file.
/// Errors: the system's, when it cannot be read; permission_denied, when group or others may
/// read or write it (hint: chmod); invalid_argument, when it is not one key in base64 with at
/// most one newline behind it, or not a regular file. No error shows the contents.
[[nodiscard]] Result<PrivateKey> load_private_key(const std::filesystem::path& path);

/// The same for a pre-shared key.
[[nodiscard]] Result<PresharedKey> load_preshared_key(const std::filesystem::path& path);

/// Creates a key file with mode 0600; on failure none is left behind.
/// Errors: the system's; file_exists, because a key is never overwritten.
[[nodiscard]] Status write_private_key(const std::filesystem::path& path, const PrivateKey& key);
[[nodiscard]] Status write_preshared_key(const std::filesystem::path& path,
                                         const PresharedKey& key);

} // namespace braid
