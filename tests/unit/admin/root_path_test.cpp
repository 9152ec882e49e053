#include "common/admin/root_path.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace braid;
using test::TempFolder;

namespace {

constexpr uid_t stranger = 65534;

void make(const std::filesystem::path& folder, mode_t mode)
{
    std::filesystem::create_directories(folder);
    REQUIRE(::chmod(folder.c_str(), mode) == 0);
}

} // namespace

TEST_CASE("only root changes a path whose folders are root's, and closed or sticky")
{
    const TempFolder folder;
    for (const mode_t mode : {0755U, 01775U, 01777U}) {
        CAPTURE(mode);
        make(folder / "a", mode);
        CHECK(only_root_changes(folder / "a"));
        CHECK(only_root_changes(folder / "a/missing/deep"));
    }
    for (const mode_t mode : {0775U, 0757U, 0777U}) {
        CAPTURE(mode);
        make(folder / "a", mode);
        CHECK_FALSE(only_root_changes(folder / "a"));
        CHECK_FALSE(only_root_changes(folder / "a/missing/deep"));
    }
}

TEST_CASE("a folder of another's on the way spoils what is below it, by name and through ..")
{
    const TempFolder folder;
    make(folder / "a/b", 0755);
    make(folder / "c", 0755);
    REQUIRE(::chown((folder / "a").c_str(), stranger, stranger) == 0);
    CHECK_FALSE(only_root_changes(folder / "a/b"));
    CHECK_FALSE(only_root_changes(folder / "a/../c"));
    CHECK(only_root_changes(folder / "c"));
}

TEST_CASE("a link is followed, all the way, and must be root's itself")
{
    const TempFolder folder;
    make(folder / "mine/deep", 0755);
    make(folder / "theirs", 0755);
    std::filesystem::create_symlink("mine", folder / "to_mine");
    std::filesystem::create_symlink(folder / "mine/deep", folder / "theirs/to_mine");
    std::filesystem::create_symlink("theirs/to_mine", folder / "over_theirs");
    std::filesystem::create_symlink("mine", folder / "link_of_theirs");
    std::filesystem::create_symlink("circle", folder / "circle");
    REQUIRE(::lchown((folder / "link_of_theirs").c_str(), stranger, stranger) == 0);
    REQUIRE(::chown((folder / "theirs").c_str(), stranger, stranger) == 0);
    CHECK(only_root_changes(folder / "to_mine"));
    CHECK(only_root_changes(folder / "to_mine/deep"));
    CHECK_FALSE(only_root_changes(folder / "over_theirs"));
    CHECK_FALSE(only_root_changes(folder / "link_of_theirs"));
    CHECK_FALSE(only_root_changes(folder / "circle"));
}
