/// A folder of its own for a test, gone afterwards.
#pragma once

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace braid::test {

class TempFolder {
public:
    TempFolder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "braid-test-XXXXXX").native();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const
    {
        return path_ / name;
    }
    /// Writes a file and yields its path.
    std::filesystem::path write(std::string_view name, std::string_view text, mode_t mode) const
    {
        const auto file = path_ / name;
        std::ofstream{file} << text;
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        return file;
    }

private:
    std::filesystem::path path_;
};

} // namespace braid::test
