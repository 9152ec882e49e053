#include "common/admin/file.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace braid;

TEST_CASE("a file is read whole, up to the bound")
{
    const test::TempFolder folder;
    const auto file = folder.write("a", "12345", 0600);
    CHECK(read_file(file, 5) == "12345");
    CHECK(read_file(file, 4).error().code == std::errc::file_too_large);
    CHECK(read_file(folder / "b", 5).error().code == std::errc::no_such_file_or_directory);
    CHECK(read_file(folder / "", 5).error().code == std::errc::is_a_directory);
}

TEST_CASE("a FIFO or a device is refused at once")
{
    const test::TempFolder folder;
    const auto fifo = folder / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(read_file(fifo, 5).error().text() == "open " + fifo.native() + ": not a regular file");
    CHECK_FALSE(read_file("/dev/null", 5));
}

TEST_CASE("a link is followed, or refused where others can make one")
{
    const test::TempFolder folder;
    folder.write("a", "12345", 0600);
    std::filesystem::create_symlink("a", folder / "link");
    CHECK(read_file(folder / "link", 5) == "12345");
    CHECK(read_file(folder / "a", 5, Links::refuse) == "12345");
    CHECK(read_file(folder / "link", 5, Links::refuse).error().code ==
          std::errc::too_many_symbolic_link_levels);
}

TEST_CASE("what was left in the place of the new file does not hold us, nor is it written to")
{
    const test::TempFolder folder;
    REQUIRE(::mkfifo((folder / "a.new").c_str(), 0600) == 0);
    REQUIRE(replace_file(folder / "a", "new"));
    const auto other = folder.write("other", "precious", 0600);
    std::filesystem::create_hard_link(other, folder / "a.new");
    REQUIRE(replace_file(folder / "a", "newer", Sync::yes));
    CHECK(read_file(folder / "a", 99) == "newer");
    CHECK(read_file(other, 99) == "precious");
}

TEST_CASE("a replaced file is private and leaves nothing beside it")
{
    const test::TempFolder folder;
    const auto file = folder.write("a", "old", 0644);
    REQUIRE(replace_file(file, "new"));
    CHECK(read_file(file, 99) == "new");
    CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms{0600});
    CHECK(std::distance(std::filesystem::directory_iterator{folder / ""}, {}) == 1);
}

TEST_CASE("when replacing fails the old file stays")
{
    const test::TempFolder folder;
    std::filesystem::create_directory(folder / "a");
    const auto failed = replace_file(folder / "a", "new");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().what.starts_with("rename "));
    CHECK_FALSE(std::filesystem::exists(folder / "a.new"));
    CHECK_FALSE(replace_file(folder / "none/a", "new"));
}
