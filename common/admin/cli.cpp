#include "common/admin/cli.hpp"

#include "common/admin/control_socket.hpp"
#include "common/admin/suggest.hpp"
#include "common/admin/yaml.hpp"
#include "common/base/log.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <cxxopts.hpp>

namespace braid {
namespace {

constexpr std::size_t longest_key_input = 1024; ///< bytes that pubkey reads

struct Option {
    std::string_view spec;     ///< as cxxopts takes it
    std::string_view name;     ///< the long one
    std::string_view argument; ///< empty: takes none
    std::string_view summary;
};
constexpr std::array options{
    Option{"c,config", "config", "FILE", "the config file"},
    Option{"timeout", "timeout", "SECONDS", "start, restart: how long to wait (15)"},
    Option{"json", "json", "", "status: as JSON, schema 1"},
    Option{"out", "out", "FILE", "keygen: write the private key there, mode 0600"},
    Option{"h,help", "help", "", "this text"},
    Option{"version", "version", "", "the version"},
};

/// A parsed command line.
struct Command {
    const Program& program;
    const Console& console;
    std::filesystem::path config;
    StartPatience patience{};
    bool json = false;
    std::optional<std::filesystem::path> out{};
};

struct Verb {
    std::string_view name;
    std::string_view option; ///< the one that it takes besides --config; often none
    std::string_view summary;
    ExitCode (*handle)(const Command&);
};

ExitCode config_error(const Command& command, Error error)
{
    if (error.code == std::errc::no_such_file_or_directory && error.hint.empty())
        error.hint = "name another with --config FILE";
    if (error.code == std::errc::permission_denied) {
        error.hint = "run it as root";
        return command.console.fail(ExitCode::not_permitted, error);
    }
    return command.console.fail(ExitCode::config, error);
}

/// Loads the config and calls on with it, where the process may change the network.
template <typename Then>
ExitCode with_daemon(const Command& command, Then then)
{
    const auto instance = command.program.load(command.config);
    if (!instance) return config_error(command, instance.error());
    if (const auto may = require_net_admin(); !may)
        return command.console.fail(ExitCode::not_permitted, may.error());
    return then(**instance);
}

ExitCode on_start(const Command& command)
{
    return with_daemon(command, [&](Instance& instance) {
        return start_daemon(instance, command.patience, command.console);
    });
}

ExitCode on_run(const Command& command)
{
    return with_daemon(command,
                       [&](Instance& instance) { return run_daemon(instance, command.console); });
}

ExitCode on_stop(const Command& command)
{
    const auto& program = command.program;
    const auto settings = load_daemon_settings(command.config, program.default_settings);
    if (!settings) return config_error(command, settings.error());
    return stop_daemon(
        *settings, [&] { return program.load(command.config); }, command.console);
}

ExitCode on_restart(const Command& command)
{
    return with_daemon(command, [&](Instance& instance) {
        const auto stopped = on_stop(command);
        if (stopped != ExitCode::ok) return stopped;
        return start_daemon(instance, command.patience, command.console);
    });
}

ExitCode on_reload(const Command& command)
{
    const auto instance = command.program.load(command.config);
    if (!instance) return config_error(command, instance.error());
    return reload_daemon((*instance)->settings(), command.program.name, command.config,
                         command.console);
}

ExitCode on_status(const Command& command)
{
    const auto& [program, console, config, patience, json, out] = command;
    const auto settings = load_daemon_settings(config, program.default_settings);
    if (!settings) return config_error(command, settings.error());
    const auto reply =
        control_request(settings->control_socket, {{"request", "status"}}, request_timeout);
    if (!reply && is_not_running(reply.error()))
        return console.fail(ExitCode::not_running, not_running(*settings, program.name));
    if (!reply) return console.fail(reply.error());
    const auto status = reply->value("status", nlohmann::json::object());
    if (json)
        console.out << status.dump(2, ' ', true) << '\n'; // ASCII, without control characters
    else
        console.out << program.status_table(status);
    return ExitCode::ok;
}

ExitCode on_check(const Command& command)
{
    const auto instance = command.program.load(command.config);
    if (!instance) return config_error(command, instance.error());
    auto worst = ExitCode::ok;
    for (const auto& [code, error] : (*instance)->check()) {
        if (worst == ExitCode::ok) worst = code;
        if (code == ExitCode::ok)
            command.console.warn(error);
        else
            command.console.fail(code, error);
    }
    if (worst == ExitCode::ok) command.console.out << command.config.native() << ": ok\n";
    return worst;
}

ExitCode on_keygen(const Command& command)
{
    const auto& [program, console, config, patience, json, out] = command;
    if (!out) {
        program.keys.print_new(console.out);
        return ExitCode::ok;
    }
    const auto public_key = program.keys.write_new(*out);
    if (public_key) {
        console.out << *public_key << '\n';
        return ExitCode::ok;
    }
    Error error = public_key.error();
    if (error.code == std::errc::file_exists && error.hint.empty())
        error.hint = "a key is never overwritten: remove the file, or choose another name";
    return console.fail(error);
}

ExitCode on_pubkey(const Command& command)
{
    std::array<char, longest_key_input> input{};
    command.console.in.read(input.data(), input.size());
    const auto size = static_cast<std::size_t>(command.console.in.gcount());
    const auto public_key = command.program.keys.public_of({input.data(), size});
    ::explicit_bzero(input.data(), input.size());
    if (!public_key)
        return command.console.fail(ExitCode::failure,
                                    {public_key.error().code,
                                     "standard input: " + public_key.error().text(),
                                     command.program.name + " pubkey < FILE, with a private key"});
    command.console.out << *public_key << '\n';
    return ExitCode::ok;
}

ExitCode on_version(const Command& command)
{
    command.console.out << command.program.name << ' ' << command.program.version << '\n';
    return ExitCode::ok;
}

ExitCode on_help(const Command& command);

constexpr std::array verbs{
    Verb{"start", "timeout", "start the daemon and wait until it is ready", on_start},
    Verb{"run", "", "run in the foreground, as systemd wants it", on_run},
    Verb{"stop", "", "stop the daemon and wait until everything is put back", on_stop},
    Verb{"restart", "timeout", "stop, then start", on_restart},
    Verb{"reload", "", "let the daemon change to its config, as far as it can", on_reload},
    Verb{"status", "json", "what it is doing", on_status},
    Verb{"check", "", "look for faults in the config and the host; changes nothing", on_check},
    Verb{"keygen", "out", "print a new private key, or with --out its public key", on_keygen},
    Verb{"pubkey", "", "print the public key of the private key on standard input", on_pubkey},
    Verb{"version", "", "print the version", on_version},
    Verb{"help", "", "print this text", on_help},
};

/// One line of a help list, the second column aligned.
std::string help_line(std::string_view left, std::string_view right)
{
    constexpr std::size_t column = 22;
    std::string line = "  " + std::string{left};
    line.resize(std::max(column, line.size() + 1), ' ');
    return line.append(right) + "\n";
}

ExitCode on_help(const Command& command)
{
    const auto& program = command.program;
    auto& out = command.console.out;
    out << program.name << ' ' << program.version << ": " << program.summary << "\n\n"
        << "usage: " << program.name << " VERB [OPTIONS]\n\nverbs:\n";
    for (const auto& verb : verbs) out << help_line(verb.name, verb.summary);
    out << "\noptions:\n";
    for (const auto& option : options) {
        const bool has_short = option.spec != option.name;
        std::string left = has_short ? std::string{'-', option.spec.front()} + ", --" : "--";
        left.append(option.name).append(option.argument.empty() ? "" : " ").append(option.argument);
        const std::string fallback =
            option.name == "config" ? " (" + program.default_config.native() + ")" : "";
        out << help_line(left, std::string{option.summary} + fallback);
    }
    out << "\nexit status:\n";
    for (const auto& [code, meaning] : exit_code_texts)
        out << help_line(std::to_string(static_cast<int>(code)), meaning);
    return ExitCode::ok;
}

/// The names in a table of verbs or options.
template <typename Row, std::size_t N>
std::array<std::string_view, N> names_of(const std::array<Row, N>& table)
{
    std::array<std::string_view, N> names;
    std::ranges::transform(table, names.begin(), &Row::name);
    return names;
}

/// What is wrong with a command line.
tl::unexpected<Error> misuse(std::string what, std::string hint)
{
    return fail(std::errc::invalid_argument, std::move(what), std::move(hint));
}

std::string see_help(const Program& program)
{
    return "see '" + program.name + " help'";
}

Result<const Verb*> verb_named(const Program& program, const std::string& name)
{
    const auto found = std::ranges::find(verbs, name, &Verb::name);
    if (found != verbs.end()) return &*found;
    const auto meant = nearest(name, names_of(verbs));
    return misuse("unknown verb '" + name + "'",
                  meant ? "did you mean '" + std::string{*meant} + "'?" : see_help(program));
}

Result<const Verb*> find_verb(const Program& program, const cxxopts::ParseResult& parsed)
{
    std::string name = "help";
    if (parsed.count("version") != 0)
        name = "version";
    else if (parsed.count("help") == 0 && parsed.count("verb") == 0)
        return misuse("no verb", see_help(program));
    else if (parsed.count("help") == 0)
        name = parsed["verb"].as<std::string>();
    return verb_named(program, name);
}

/// Refuses what no option or verb has taken.
Status refuse_rest(const Program& program, const cxxopts::ParseResult& parsed, const Verb& verb)
{
    const bool helps = verb.name == "help" && parsed.unmatched().size() == 1; // "help VERB"
    for (const std::string& word : parsed.unmatched()) {
        if (!word.starts_with('-') && helps) {
            const auto known = verb_named(program, word);
            return known ? Status{} : fail(known.error());
        }
        if (!word.starts_with('-')) return misuse("unexpected '" + word + "'", see_help(program));
        const auto bare = word.substr(std::min(word.find_first_not_of('-'), word.size()));
        const auto meant = nearest(bare.substr(0, bare.find('=')), names_of(options));
        return misuse("unknown option '" + word + "'",
                      meant ? "did you mean '--" + std::string{*meant} + "'?" : see_help(program));
    }
    for (const auto* name : {"timeout", "json", "out"}) {
        if (parsed.count(name) != 0 && verb.option != name)
            return misuse("'" + std::string{verb.name} + "' takes no --" + name, see_help(program));
    }
    for (const auto* name : {"config", "out"}) {
        if (parsed.count(name) != 0 && parsed[name].as<std::string>().empty())
            return misuse(std::string{"--"} + name + ": the file name is empty",
                          std::string{"--"} + name + " FILE");
    }
    return {};
}

Result<std::chrono::seconds> parse_timeout(const std::string& text)
{
    constexpr int longest = 3600; // seconds
    const auto seconds = integer_within(1, longest)(text);
    if (!seconds) return fail(seconds.error(), "--timeout");
    return std::chrono::seconds{*seconds};
}

/// Everything that cxxopts does; its exceptions end here.
Result<cxxopts::ParseResult> parse_words(const Program& program, int argc, const char* const* argv)
try {
    cxxopts::Options parser{program.name};
    parser.allow_unrecognised_options(); // so that we can suggest what was meant
    auto add = parser.add_options();
    for (const auto& option : options) {
        const auto value =
            option.argument.empty() ? cxxopts::value<bool>() : cxxopts::value<std::string>();
        add(std::string{option.spec}, "", value);
    }
    add("verb", "", cxxopts::value<std::string>());
    parser.parse_positional("verb");
    return parser.parse(argc, argv);
} catch (const std::exception& error) {
    return misuse(error.what(), see_help(program));
}

ExitCode dispatch(const Program& program, const cxxopts::ParseResult& parsed,
                  const Console& console)
{
    const auto verb = find_verb(program, parsed);
    if (!verb) return console.fail(ExitCode::usage, verb.error());
    if (const auto rest = refuse_rest(program, parsed, **verb); !rest)
        return console.fail(ExitCode::usage, rest.error());

    Command command{.program = program, .console = console, .config = program.default_config};
    if (parsed.count("config") != 0) command.config = parsed["config"].as<std::string>();
    if (parsed.count("out") != 0) command.out = parsed["out"].as<std::string>();
    command.json = parsed.count("json") != 0;
    if (parsed.count("timeout") != 0) {
        const auto timeout = parse_timeout(parsed["timeout"].as<std::string>());
        if (!timeout) return console.fail(ExitCode::usage, timeout.error());
        command.patience.ready = *timeout;
    }
    return (*verb)->handle(command);
}

} // namespace

int run_cli(const Program& program, int argc, const char* const* argv, const Console& console)
{
    open_closed_streams();
    // What a command does itself is told on the console; a daemon sets up its own log.
    if (const auto log = set_up_log(spdlog::level::warn, {}); !log)
        return static_cast<int>(console.fail(ExitCode::failure, log.error()));
    const auto parsed = parse_words(program, argc, argv);
    const auto code = parsed ? dispatch(program, *parsed, console)
                             : console.fail(ExitCode::usage, parsed.error());
    console.out.flush();
    return static_cast<int>(code);
}

int run_cli(const Program& program, int argc, const char* const* argv)
{
    return run_cli(program, argc, argv, {std::cin, std::cout, std::cerr});
}

} // namespace braid
