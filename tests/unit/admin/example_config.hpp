/// The example configs, as a new user would adapt them.
#pragma once

#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

namespace braid::test {

inline std::string example_config(std::string_view name)
{
    const std::ifstream file{std::string{BRAID_SOURCE_DIR} + "/configs/" + std::string{name}};
    REQUIRE(file.good());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// With the keys that are off by default (a # without a space after it) switched on.
inline std::string with_all_keys(const std::string& text)
{
    static const std::regex off{"(^|\n)( *)#([a-z_]+:)"};
    return std::regex_replace(text, off, "$1$2$3");
}

/// A key file in a test's folder; its key has all bytes equal.
inline std::filesystem::path write_key(const TempFolder& folder, std::string_view name, char fill,
                                       mode_t mode = 0600)
{
    // Base64 of 32 equal bytes for fill 'A' (0), and neighbours for other letters of its kind.
    return folder.write(name, std::string(42, fill) + "E=\n", mode);
}

} // namespace braid::test
