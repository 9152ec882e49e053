#include "common/admin/settings.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>

using namespace braid;

namespace {

/// The daemon settings of a config text in /etc/braid; the problem where there is one.
Result<DaemonSettings> read(std::string_view text)
{
    auto document = YamlDocument::parse(text, "x.yaml");
    if (!document) return fail(document.error());
    DaemonSettings settings{.control_socket = "/run/braid/client.sock"};
    read_daemon_settings(document->root(), {"x.yaml", "/etc/braid"}, settings);
    if (const auto result = document->result(); !result) return fail(result.error());
    return settings;
}

} // namespace

TEST_CASE("relative paths start from the config's folder, absolute ones stay")
{
    const auto settings =
        read("control: {socket: ../run/a.sock}\nlog: {level: debug, file: /var/log/braid}\n");
    REQUIRE(settings);
    CHECK(settings->control_socket == "/etc/run/a.sock");
    CHECK(settings->log_level == spdlog::level::debug);
    CHECK(settings->log_file == "/var/log/braid");
    CHECK(read("{}")->control_socket == "/run/braid/client.sock");
    CHECK(read("{}")->log_level == spdlog::level::info);
    CHECK_FALSE(read("{}")->log_file.has_value());
}

TEST_CASE("bad daemon settings are told with their key")
{
    CHECK(read("control: {socket: ''}").error().what ==
          "x.yaml:1:11: control.socket: the path is empty");
    CHECK(read("log: {level: loud}").error().what ==
          "x.yaml:1:7: log.level: unknown log level 'loud'");
    CHECK(read("log: {lvel: info}").error().hint == "did you mean 'level'?");
    CHECK(read("control: /run/x").error().what.ends_with("found a single value"));
}

TEST_CASE("a user is named as in passwd(5)")
{
    CHECK(read("user: _braid-1\n")->user == "_braid-1");
    CHECK_FALSE(read("{}")->user.has_value());
    for (const auto* bad : {"''", "a b", "a/b", "'a:b'", "-a"})
        CHECK_FALSE(read("user: " + std::string{bad} + "\n"));
    CHECK_FALSE(read("user: " + std::string(33, 'x') + "\n"));
}

TEST_CASE("a control socket's path has room for the kernel's 107 bytes and no more")
{
    const std::string longest = "/" + std::string(106, 'x');
    CHECK(read("control: {socket: " + longest + "}"));
    CHECK(read("control: {socket: " + longest + "x}").error().what.find("longer than 107 bytes") !=
          std::string::npos);
}

TEST_CASE("files beside the control socket take its name")
{
    DaemonSettings settings{.control_socket = "/run/braid/client.sock"};
    CHECK(settings.beside_socket(".lock") == "/run/braid/client.sock.lock");
    CHECK(settings.background_log() == "/run/braid/client.log");
    settings.control_socket = "/run/c";
    CHECK(settings.background_log() == "/run/c.log");
    settings.log_file = "/var/log/braid.log";
    CHECK(settings.background_log() == "/var/log/braid.log");
}

TEST_CASE("interface names are those that the kernel takes")
{
    for (const auto* good : {"a", "wlan0", "eth0.100", "braid-0", "fifteen_letters"})
        CHECK(parse_interface_name(good) == good);
    for (const auto* bad : {"", ".", "..", "a/b", "a b", "a:b", "a%d", "sixteen_letters_", "a\tb"})
        CHECK_FALSE(parse_interface_name(bad));
}

TEST_CASE("names for a TUN are those that every tool takes as they are")
{
    for (const auto* good : {"a", "braid0", "eth0.100", "braid-0", "fifteen_letters"})
        CHECK(parse_tun_name(good) == good);
    for (const auto* bad : {"", ".", "..", "lo", "all", "default", "a/b", "a b", "a;b", "\"", "a*",
                            "sixteen_letters_", "\xc3\xa9"})
        CHECK_FALSE(parse_tun_name(bad));
}

TEST_CASE("a key file that only root may read gets a hint")
{
    const auto parse = key_file_from({"x.yaml", "/etc"}, [](const auto&) -> Status {
        return fail(std::errc::permission_denied, "open k");
    });
    CHECK(parse("k").error().hint == "run it as root");
}

TEST_CASE("only the daemon settings of a config matter to those who ask the daemon")
{
    const test::TempFolder folder;
    const auto file = folder.write("client.yaml", "control: {socket: a.sock}\nnonsense: 1\n", 0600);
    CHECK(load_daemon_settings(file, {}).value().control_socket == folder / "a.sock");
    CHECK(load_daemon_settings(folder / "none", {}).error().code ==
          std::errc::no_such_file_or_directory);
}

TEST_CASE("a key file of ours or root's is in order")
{
    const test::TempFolder folder;
    CHECK(check_key_owner(folder.write("key", "", 0600)));
    CHECK_FALSE(check_key_owner(folder / "none"));
}

TEST_CASE("workers are auto or a number")
{
    CHECK_FALSE(read("{}")->workers.has_value());
    CHECK_FALSE(read("workers: auto\n")->workers.has_value());
    CHECK(read("workers: 1\n")->workers == 1);
    CHECK(read("workers: 16\n")->workers == 16);
    for (const auto* bad : {"0", "17", "-1", "2.5", "many", "''"}) {
        CAPTURE(bad);
        const auto refused = read("workers: " + std::string{bad} + "\n");
        REQUIRE_FALSE(refused);
        CHECK(refused.error().what.starts_with("x.yaml:1:1: workers: '"));
        CHECK(refused.error().hint == "auto, or a number from 1 to 16");
    }
}
