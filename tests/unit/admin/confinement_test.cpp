#include "common/admin/confinement.hpp"

#include "common/admin/file.hpp"
#include "common/base/log.hpp"
#include "tests/unit/admin/temp_folder.hpp"
#include "tests/unit/sys/in_child.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <unistd.h>

using namespace braid;
using test::in_child;
using test::TempFolder;

namespace {

const User nobody = find_user("nobody").value().value();
const User root{"root", 0, 0};
#ifdef BRAID_SANITIZED
constexpr bool whole = false; ///< what sanitizers need is left
#else
constexpr bool whole = true;
#endif

/// A daemon to be, in a folder that its own user may pass.
struct Bench {
    Bench() { REQUIRE(::chmod((folder / ".").c_str(), 0755) == 0); }

    /// The folder of the control socket.
    void make_folder(const User& owner) const { make_folder("run", owner); }
    void make_folder(const char* name, const User& owner) const
    {
        std::filesystem::create_directory(folder / name);
        REQUIRE(::chown((folder / name).c_str(), owner.id, owner.group) == 0);
    }
    std::filesystem::path leave(const char* name, const User& owner) const
    {
        auto file = folder.write(name, "left\n", 0600);
        REQUIRE(::chown(file.c_str(), owner.id, owner.group) == 0);
        return file;
    }
    [[nodiscard]] Confinement start() const
    {
        return {.settings = settings, .log = folder / "run/a.log", .made_folder = made_folder};
    }

    TempFolder folder{};
    DaemonSettings settings{.control_socket = folder / "run/a.sock"};
    bool made_folder = false;
};

uid_t owner_of(const std::filesystem::path& path)
{
    struct stat about {};
    REQUIRE(::lstat(path.c_str(), &about) == 0);
    return about.st_uid;
}

} // namespace

TEST_CASE("the user is the one that the config names, or none where it names root")
{
    DaemonSettings settings;
    settings.user = "nobody";
    CHECK(choose_user(settings).value() == nobody);
    settings.user = "root";
    CHECK(choose_user(settings).value() == std::nullopt);
    settings.user = "no-such-user";
    CHECK(choose_user(settings).error().hint ==
          "useradd --system --no-create-home --shell /usr/sbin/nologin no-such-user");
}

TEST_CASE("a named user gets the folder that the start has made, and what the daemon writes there")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(root);
    bench.made_folder = true;
    const auto state = bench.leave("run/a.sock.state", root);
    CHECK(in_child([&] {
              return confine(bench.start()) && present_privileges().user == "nobody" &&
                     set_up_log(LogLevel::info, bench.start().log) && read_file(state, 100) &&
                     replace_file(state, "new\n") && ::unlink(state.c_str()) == 0;
          }) == "");
    CHECK(owner_of(bench.folder / "run") == 0);
    CHECK(owner_of(bench.folder / "run/a.log") == nobody.id);
}

TEST_CASE("a folder of others is not opened: a named user must have it already")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(root);
    CHECK(in_child([&] {
              const auto refused = confine(bench.start());
              return !refused && refused.error().code == std::errc::permission_denied &&
                     refused.error().hint.starts_with("install -d -m 1775 -g 65534 ");
          }) == "");

    bench.make_folder(nobody);
    CHECK(in_child([&] { return confine(bench.start()).has_value(); }) == "");
}

TEST_CASE("root takes over what a daemon of another user has left")
{
    Bench bench;
    bench.settings.user = "root";
    bench.make_folder(root);
    const auto state = bench.leave("run/a.sock.state", nobody);
    const auto log = bench.leave("run/a.log", nobody);
    CHECK(in_child([&] {
              return confine(bench.start()) && present_privileges().user == "root" &&
                     set_up_log(LogLevel::info, bench.start().log) && read_file(state, 100);
          }) == "");
    CHECK(owner_of(log) == 0);
}

TEST_CASE("root without capabilities cannot use another's folder either")
{
    Bench bench;
    bench.settings.user = "root";
    bench.make_folder(nobody);
    CHECK(in_child([&] {
              const auto refused = confine(bench.start());
              return !refused && refused.error().hint.starts_with("chown root ");
          }) == "");
}

TEST_CASE("who is not root stays who it is, which is told where the config names another")
{
    Bench bench;
    bench.settings.user = "root";
    bench.make_folder(nobody);
    CHECK(in_child([&] {
              if (!become_user(nobody)) return false;
              const auto warnings = confine(bench.start());
              return warnings && !warnings->empty() && present_privileges().user == "nobody";
          }) == "");
}

TEST_CASE("no file is given away through a link")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(root);
    bench.made_folder = true;
    const auto secret = bench.leave("secret", root);
    std::filesystem::create_symlink(secret, bench.folder / "run/a.log");
    std::filesystem::create_hard_link(secret, bench.folder / "run/a.sock.state");
    CHECK(in_child([&] {
              return confine(bench.start()) && !set_up_log(LogLevel::info, bench.start().log) &&
                     !read_file(bench.folder / "run/a.sock.state", 100);
          }) == "");
    CHECK(owner_of(secret) == 0);
}

TEST_CASE("nothing is made or given below a folder that the user can put a link into")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(nobody);
    bench.make_folder("home", nobody);
    bench.make_folder("etc", root);
    const auto secret = bench.leave("etc/a.log", root);
    std::filesystem::create_directory_symlink(bench.folder / "etc", bench.folder / "home/way");
    for (const char* log : {"home/way/a.log", "home/way/new.log", "home/way/new/a.log"}) {
        CAPTURE(log);
        auto start = bench.start();
        start.log = bench.folder / log;
        CHECK(in_child([&] { return confine(start) && !set_up_log(LogLevel::info, start.log); }) ==
              "");
    }
    CHECK(owner_of(secret) == 0);
    CHECK(std::distance(std::filesystem::directory_iterator{bench.folder / "etc"}, {}) == 1);
}

TEST_CASE("no folder is opened, and nothing beside the socket given, through another's link")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder("home", nobody);
    bench.make_folder("etc", root);
    bench.make_folder("etc/run", root);
    const auto state = bench.leave("etc/run/a.sock.state", root);
    std::filesystem::create_directory_symlink(bench.folder / "etc", bench.folder / "home/way");
    bench.settings.control_socket = bench.folder / "home/way/run/a.sock";
    bench.made_folder = true;
    CHECK(in_child([&] { return !confine(bench.start()); }) == "");
    REQUIRE(::chmod((bench.folder / "etc/run").c_str(), 0777) == 0);
    CHECK(in_child([&] { return confine(bench.start()).has_value(); }) == "");
    CHECK(owner_of(state) == 0);
    struct stat about {};
    REQUIRE(::stat((bench.folder / "etc/run").c_str(), &about) == 0);
    CHECK(about.st_gid == 0);
}

TEST_CASE("a log's folder that is missing is made, root's and shared with the user")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(nobody);
    auto start = bench.start();
    start.log = bench.folder / "log/deep/a.log";
    CHECK(in_child([&] { return confine(start) && set_up_log(LogLevel::info, start.log); }) == "");
    CHECK(owner_of(*start.log) == nobody.id);
    CHECK(owner_of(bench.folder / "log/deep") == 0);
    CHECK(std::filesystem::status(bench.folder / "log/deep").permissions() ==
          std::filesystem::perms{01775});
}

TEST_CASE("a log in a folder of root's is made, and starts anew instead of being renamed")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(nobody);
    auto start = bench.start();
    start.log = bench.folder / "a.log";
    CHECK(in_child([&] {
              if (!confine(start) || !set_up_log(LogLevel::info, start.log)) return false;
              for (int line = 0; line < 2500; ++line) spdlog::info("{}", std::string(1000, 'x'));
              return true;
          }) == "");
    CHECK(owner_of(*start.log) == nobody.id);
    CHECK(std::filesystem::file_size(*start.log) <= 1 << 20);
    CHECK_FALSE(std::filesystem::exists(older_log(*start.log)));
}

TEST_CASE("what is kept has a folder that the start makes, and stays with the daemon's user")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.settings.kept_file = bench.folder / "lib/braid/kept.json";
    bench.make_folder(nobody);
    CHECK(check_kept(bench.settings));
    CHECK_FALSE(std::filesystem::exists(bench.folder / "lib"));
    const auto keeps = [&] {
        return confine(bench.start()) &&
               replace_file(*bench.settings.kept_file, "kept\n", Sync::yes);
    };
    CHECK(in_child(keeps) == "");
    CHECK(owner_of(bench.folder / "lib/braid") == 0);
    CHECK(owner_of(*bench.settings.kept_file) == nobody.id);
    CHECK(check_kept(bench.settings));

    bench.settings.user = "root";
    bench.make_folder("run2", root);
    bench.settings.control_socket = bench.folder / "run2/a.sock";
    CHECK(in_child(keeps) == "");
    CHECK(owner_of(*bench.settings.kept_file) == 0);
}

TEST_CASE("a folder of others is not opened for what is kept, nor one made below a user's")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(nobody);
    bench.make_folder("lib", root);
    bench.settings.kept_file = bench.folder / "lib/kept.json";
    const auto fails = [&] {
        return confine(bench.start()) && !replace_file(*bench.settings.kept_file, "kept\n");
    };
    CHECK(in_child(fails) == "");
    CHECK(check_kept(bench.settings).error().code == std::errc::permission_denied);
    CHECK(std::filesystem::status(bench.folder / "lib").permissions() ==
          std::filesystem::perms{0755});
    bench.settings.kept_file = bench.folder / "run/new/kept.json";
    CHECK(in_child(fails) == "");
    CHECK_FALSE(check_kept(bench.settings));
    CHECK_FALSE(std::filesystem::exists(bench.folder / "run/new"));
}

TEST_CASE("a confined daemon ends with CAP_NET_ADMIN only, and its status tells")
{
    Bench bench;
    bench.settings.user = "nobody";
    bench.make_folder(nobody);
    CHECK(in_child([&] {
              if (!confine(bench.start()) || !finish_confinement()) return false;
              return privileges_status() == nlohmann::json{{"user", "nobody"},
                                                           {"capabilities", {"cap_net_admin"}},
                                                           {"no_new_privs", true},
                                                           {"seccomp", whole},
                                                           {"core_dumps", !whole}};
          }) == "");
}
