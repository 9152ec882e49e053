#include "common/crypto/key_file.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>

using namespace braid;

namespace {

namespace fs = std::filesystem;

/// A folder of its own, gone with the object.
struct TemporaryFolder {
    fs::path path;

    TemporaryFolder()
    {
        std::string pattern = (fs::temp_directory_path() / "braid-keys-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() { fs::remove_all(path); }
};

[[nodiscard]] fs::path write_file(const TemporaryFolder& folder, const std::string& text,
                                  unsigned mode = 0600)
{
    fs::path path = folder.path / "key";
    std::ofstream{path} << text;
    fs::permissions(path, static_cast<fs::perms>(mode));
    return path;
}

[[nodiscard]] std::string read_file(const fs::path& path)
{
    std::stringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("a written private key is for its owner only and loads again")
{
    const TemporaryFolder folder;
    const auto path = folder.path / "private.key";
    const auto key = PrivateKey::generate();
    REQUIRE(write_private_key(path, key));
    CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(read_file(path) == std::string{view(key.text())} + "\n");
    const auto loaded = load_private_key(path);
    REQUIRE(loaded);
    CHECK(loaded->public_key() == key.public_key());
}

TEST_CASE("a written preshared key loads again")
{
    const TemporaryFolder folder;
    const auto path = folder.path / "psk";
    const auto key = PresharedKey::generate();
    REQUIRE(write_preshared_key(path, key));
    const auto loaded = load_preshared_key(path);
    REQUIRE(loaded);
    CHECK(std::ranges::equal(loaded->bytes(), key.bytes()));
}

TEST_CASE("an existing file is never overwritten")
{
    const TemporaryFolder folder;
    const auto path = write_file(folder, "precious");
    const auto status = write_private_key(path, PrivateKey::generate());
    REQUIRE_FALSE(status);
    CHECK(status.error().code == std::errc::file_exists);
    CHECK(read_file(path) == "precious");
}

TEST_CASE("a key file that others may read or write is refused with the remedy")
{
    const std::string text{view(PrivateKey::generate().text())};
    for (const unsigned mode : {0640U, 0604U, 0644U, 0620U, 0602U, 0610U, 0601U, 0666U, 0777U}) {
        CAPTURE(mode);
        const TemporaryFolder folder;
        const auto path = write_file(folder, text, mode);
        const auto key = load_private_key(path);
        REQUIRE_FALSE(key);
        CHECK(key.error().code == std::errc::permission_denied);
        CHECK(key.error().hint == "chmod 600 " + path.string());
        CHECK_FALSE(load_preshared_key(path));
    }
}

TEST_CASE("a key file for its owner only is accepted, with or without newline")
{
    const std::string text{view(PrivateKey::generate().text())};
    for (const unsigned mode : {0600U, 0400U, 0700U}) {
        CAPTURE(mode);
        const TemporaryFolder folder;
        CHECK(load_private_key(write_file(folder, text, mode)));
    }
    const TemporaryFolder folder;
    CHECK(load_private_key(write_file(folder, text + "\n")));
}

TEST_CASE("a file that is not one key is refused without showing it")
{
    const std::string text{view(PrivateKey::generate().text())};
    const std::string cases[] = {
        "",          "\n",        text.substr(1), text + "\n\n", text + " ",
        "\n" + text, text + text, text + "\r\n",  "not a key",   std::string(1 << 20, 'A')};
    for (const auto& content : cases) {
        CAPTURE(content.size());
        const TemporaryFolder folder;
        const auto path = write_file(folder, content);
        const auto key = load_private_key(path);
        REQUIRE_FALSE(key);
        CHECK(key.error().code == std::errc::invalid_argument);
        CHECK(key.error().what.find(path.string()) != std::string::npos);
        CHECK(key.error().what.find(text.substr(1, 8)) == std::string::npos);
    }
}

TEST_CASE("a missing file, a folder and a pipe are refused")
{
    const TemporaryFolder folder;
    const auto missing = load_private_key(folder.path / "missing");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == std::errc::no_such_file_or_directory);
    CHECK_FALSE(load_private_key(folder.path));

    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_FALSE(load_private_key(pipe));
}

TEST_CASE("a key cannot be written into a missing folder")
{
    const TemporaryFolder folder;
    CHECK_FALSE(write_private_key(folder.path / "missing" / "key", PrivateKey::generate()));
}
