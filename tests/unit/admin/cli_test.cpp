#include "common/admin/cli.hpp"
#include "common/admin/control_socket.hpp"
#include "common/admin/exit_code.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <array>
#include <atomic>
#include <doctest/doctest.h>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace braid;
using nlohmann::json;

namespace {

/// An instance that finds what the test says.
class TestInstance final : public Instance {
public:
    explicit TestInstance(std::vector<Finding> findings) : findings_(std::move(findings)) {}
    const DaemonSettings& settings() const override { return settings_; }
    std::vector<Finding> check() override { return findings_; }
    ExitCode run(StartReporter&, StateFile&) override { return ExitCode::ok; }
    Status cleanup(const std::vector<json>&) override { return {}; }

private:
    DaemonSettings settings_;
    std::vector<Finding> findings_;
};

/// A program without real keys or daemon, and what a command line makes of it.
struct Bench {
    int run(std::vector<const char*> words)
    {
        out.str({});
        err.str({});
        words.insert(words.begin(), "braid-test");
        return run_cli(program(), static_cast<int>(words.size()), words.data(), {in, out, err});
    }
    Program program()
    {
        return {
            .name = "braid-test",
            .summary = "Tests.",
            .version = "1.2.3",
            .default_config = folder / "default.yaml",
            .default_settings = {.control_socket = folder / "s"},
            .load = [this](const auto& file) { return load(file); },
            .status_table = [](const json& status) { return "table of " + status.dump() + "\n"; },
            .keys = {.print_new = [](std::ostream& to) { to << "private\n"; },
                     .write_new = [](const auto& file) -> Result<std::string> {
                         if (file == "exists") return fail(std::errc::file_exists, "create exists");
                         return "public of " + file.native();
                     },
                     .public_of = [](std::string_view key) -> Result<std::string> {
                         if (key != "private\n") return fail(std::errc::invalid_argument, "no key");
                         return std::string{"public"};
                     }},
        };
    }
    Result<std::unique_ptr<Instance>> load(const std::filesystem::path& file)
    {
        loaded = file;
        if (problem) return fail(*problem);
        return std::make_unique<TestInstance>(findings);
    }

    test::TempFolder folder{};
    std::istringstream in{};
    std::ostringstream out{};
    std::ostringstream err{};
    std::optional<Error> problem{};
    std::vector<Finding> findings{};
    std::filesystem::path loaded{};
};

Error plain(std::string what, std::string hint = {})
{
    return fail(std::errc::invalid_argument, std::move(what), std::move(hint)).value();
}

} // namespace

TEST_CASE("exit statuses stand in their table by their number")
{
    for (std::size_t i = 0; i < exit_code_texts.size(); ++i)
        CHECK(static_cast<std::size_t>(exit_code_texts[i].code) == i);
}

TEST_CASE("help names every verb, option and exit status, and is asked for in four ways")
{
    Bench bench;
    CHECK(bench.run({"help"}) == 0);
    const auto text = bench.out.str();
    for (const auto* part :
         {"braid-test 1.2.3: Tests.", "usage: braid-test VERB [OPTIONS]", "\n  start  ",
          "\n  run  ", "\n  stop  ", "\n  restart  ", "\n  status  ", "\n  check  ", "\n  keygen  ",
          "\n  pubkey  ", "\n  version  ", "\n  help  ", "\n  -c, --config FILE", "\n  -h, --help",
          "\n  0  ", "\n  8  ", "timed out", "default.yaml"}) {
        CAPTURE(part);
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(bench.run({"--help"}) == 0);
    CHECK(bench.out.str() == text);
    CHECK(bench.run({"start", "-h"}) == 0);
    CHECK(bench.out.str() == text);
    CHECK(bench.run({"help", "start"}) == 0);
    CHECK(bench.out.str() == text);
}

TEST_CASE("the version is one line")
{
    Bench bench;
    for (const auto* word : {"version", "--version"}) {
        CHECK(bench.run({word}) == 0);
        CHECK(bench.out.str() == "braid-test 1.2.3\n");
    }
}

TEST_CASE("a wrong command line exits with 2 and says what was meant")
{
    struct Case {
        std::vector<const char*> words;
        std::string_view error;
    };
    const std::array cases{
        Case{{}, "error: no verb\nhint: see 'braid-test help'\n"},
        Case{{"strat"}, "error: unknown verb 'strat'\nhint: did you mean 'start'?\n"},
        Case{{"dance"}, "error: unknown verb 'dance'\nhint: see 'braid-test help'\n"},
        Case{{"status", "--jsno"},
             "error: unknown option '--jsno'\nhint: did you mean '--json'?\n"},
        Case{{"status", "--confg=x"},
             "error: unknown option '--confg=x'\nhint: did you mean '--config'?\n"},
        Case{{"status", "-q"}, "error: unknown option '-q'\nhint: see 'braid-test help'\n"},
        Case{{"status", "now"}, "error: unexpected 'now'\nhint: see 'braid-test help'\n"},
        Case{{"stop", "--json"}, "error: 'stop' takes no --json\nhint: see 'braid-test help'\n"},
        Case{{"status", "--timeout", "5"},
             "error: 'status' takes no --timeout\nhint: see 'braid-test help'\n"},
        Case{{"help", "strat"}, "error: unknown verb 'strat'\nhint: did you mean 'start'?\n"},
        Case{{"check", "--config", ""},
             "error: --config: the file name is empty\nhint: --config FILE\n"},
        Case{{"check", "--config="},
             "error: --config: the file name is empty\nhint: --config FILE\n"},
        Case{{"keygen", "--out", ""}, "error: --out: the file name is empty\nhint: --out FILE\n"},
        Case{{"start", "--timeout", "soon"},
             "error: --timeout: 'soon' is not a number from 1 to 3600\n"},
        Case{{"start", "--timeout", "0"}, "error: --timeout: '0' is not a number from 1 to 3600\n"},
    };
    Bench bench;
    for (const Case& each : cases) {
        const auto& words = each.words;
        const auto& error = each.error;
        CAPTURE(error);
        CHECK(bench.run(words) == 2);
        CHECK(bench.err.str() == error);
        CHECK(bench.out.str().empty());
    }
    CHECK(bench.run({"start", "--config"}) == 2);
    CHECK(bench.err.str().starts_with("error: "));
    CHECK(bench.loaded.empty());
}

TEST_CASE("--config stands anywhere on the line")
{
    Bench bench;
    CHECK(bench.run({"check"}) == 0);
    CHECK(bench.loaded == bench.folder / "default.yaml");
    for (const auto& words : {std::vector<const char*>{"--config", "x.yaml", "check"},
                              {"check", "--config=x.yaml"},
                              {"check", "-c", "x.yaml"}}) {
        bench.loaded.clear();
        CHECK(bench.run(words) == 0);
        CHECK(bench.loaded == "x.yaml");
        CHECK(bench.out.str() == "x.yaml: ok\n");
    }
}

TEST_CASE("an invalid config exits with 4 for every verb that needs it")
{
    Bench bench;
    bench.problem = plain("x.yaml:1:1: nat: 'no' is not true or false", "true or false");
    for (const auto* verb : {"start", "run", "restart", "reload", "check"}) {
        CAPTURE(verb);
        CHECK(bench.run({verb}) == 4);
        CHECK(bench.err.str() == "error: x.yaml:1:1: nat: 'no' is not true or false\n"
                                 "hint: true or false\n");
    }
    CHECK(bench.run({"status"}) == 4);
    const auto missing = (bench.folder / "default.yaml").native();
    CHECK(bench.err.str() == "error: open " + missing +
                                 ": No such file or directory\n"
                                 "hint: name another with --config FILE\n");
}

TEST_CASE("a config that only root may read exits with 5")
{
    Bench bench;
    bench.problem = fail(std::errc::permission_denied, "open x.yaml").value();
    CHECK(bench.run({"start"}) == 5);
    CHECK(bench.err.str() == "error: open x.yaml\nhint: run it as root\n");
}

TEST_CASE("check tells warnings and exits with the first fault's status")
{
    Bench bench;
    bench.findings = {{ExitCode::ok, plain("no peers", "add one")}};
    CHECK(bench.run({"check"}) == 0);
    CHECK(bench.err.str() == "warning: no peers\nhint: add one\n");
    CHECK(bench.out.str().ends_with("default.yaml: ok\n"));

    bench.findings.push_back({ExitCode::not_permitted, plain("not root")});
    bench.findings.push_back({ExitCode::failure, plain("no tun")});
    CHECK(bench.run({"check"}) == 5);
    CHECK(bench.err.str() == "warning: no peers\nhint: add one\nerror: not root\nerror: no tun\n");
    CHECK(bench.out.str().empty());
}

TEST_CASE("status and stop need no more of the config than the control socket")
{
    Bench bench;
    bench.problem = plain("broken since it was started");
    bench.folder.write("default.yaml", "something: else\n", 0600);
    CHECK(bench.run({"status"}) == 3);
    CHECK(bench.err.str() == "error: not running: nobody answers on " +
                                 (bench.folder / "s").native() +
                                 "\nhint: start it with 'braid-test start'\n");
    CHECK(bench.run({"stop"}) == 0);
    CHECK(bench.out.str() == "not running\n");
}

TEST_CASE("status prints the daemon's object, as a table or as JSON")
{
    Bench bench;
    bench.folder.write("default.yaml", "{}", 0600);
    Loop loop;
    const auto server = ControlServer::open(loop, bench.folder / "s", [](const json&) {
        return json{{"ok", true}, {"status", {{"state", "up"}}}};
    });
    REQUIRE(server);
    std::atomic<bool> done = false;
    std::string table;
    std::string as_json;
    std::thread user{[&] {
        if (bench.run({"status"}) == 0) table = bench.out.str();
        if (bench.run({"status", "--json"}) == 0) as_json = bench.out.str();
        done = true;
    }};
    Timer watch{loop, [&] {
                    if (done) loop.stop();
                }};
    watch.every(1ms);
    loop.run();
    user.join();
    CHECK(table == "table of {\"state\":\"up\"}\n");
    CHECK(as_json == "{\n  \"state\": \"up\"\n}\n");
}

TEST_CASE("keygen prints a private key, or writes it and prints the public one")
{
    Bench bench;
    CHECK(bench.run({"keygen"}) == 0);
    CHECK(bench.out.str() == "private\n");
    CHECK(bench.run({"keygen", "--out", "file"}) == 0);
    CHECK(bench.out.str() == "public of file\n");
    CHECK(bench.run({"keygen", "--out", "exists"}) == 1);
    CHECK(bench.err.str() == "error: create exists\nhint: a key is never overwritten: remove the "
                             "file, or choose another name\n");
}

TEST_CASE("pubkey reads a private key from standard input")
{
    Bench bench;
    bench.in.str("private\n");
    CHECK(bench.run({"pubkey"}) == 0);
    CHECK(bench.out.str() == "public\n");
    bench.in.clear();
    bench.in.str(std::string(5000, 'x'));
    CHECK(bench.run({"pubkey"}) == 1);
    CHECK(bench.err.str() == "error: standard input: no key\n"
                             "hint: braid-test pubkey < FILE, with a private key\n");
}
