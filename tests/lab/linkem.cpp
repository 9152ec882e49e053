// linkem: joins two network namespaces by an emulated link. See --help.

#include "tests/lab/emulator.hpp"

#include <charconv>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <sched.h>
#include <unistd.h>

namespace {

using braid::lab::EmulatorOptions;
using braid::lab::TapAddress;

constexpr auto usage = R"(usage: linkem --a NETNS:DEVICE --b NETNS:DEVICE --control PATH
              [--up SETTINGS] [--down SETTINGS] [--seed N] [--parent PID]

Makes a TAP device in each namespace and carries Ethernet frames between them. `up` is a -> b,
`down` is b -> a. Prints one line once both exist; ends on SIGTERM, SIGINT or with its parent.

SETTINGS, separated by spaces:
  rate=30M|unlimited  bits of IP packets a second (a frame less its 14-byte Ethernet header)
  delay=35ms          one way, after the queue
  jitter=5ms          uniform, delay +- jitter; packets are never reordered, so on a busy link
                      the delay tends to delay + jitter
  loss=1%             lost after the queue: they use up rate
  burst=4             mean packets lost in a row (Gilbert-Elliott); 1 is independent
  queue=100ms|64KiB   drop-tail queue in front of the rate; time is at the rate
  blackhole=on|off    drops what arrives and what would come out
  stall=on|off        sends nothing and keeps it in the queue, as a radio link does at times
  trace=PATH|off      instead of a rate: a file with a millisecond per line, each the chance to
                      send 1500 bytes; it repeats with its last line as period

Requests on the Unix socket PATH, one line each:
  set up|down|both SETTINGS    -> ok | error: ...
  show                         -> one line of JSON: settings and counters
  carrier a|b on|off           -> ok | error: ...   pulls or plugs the device's cable
)";

TapAddress parse_tap(std::string_view text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) throw std::invalid_argument{"expected NETNS:DEVICE"};
    return {std::string{text.substr(0, colon)}, std::string{text.substr(colon + 1)}};
}

template <typename Number>
Number parse_number(std::string_view text)
{
    Number number{};
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || rest != end)
        throw std::invalid_argument{"not a number: " + std::string{text}};
    return number;
}

void set_option(EmulatorOptions& options, std::string_view name, std::string_view value)
{
    if (name == "--a")
        options.a = parse_tap(value);
    else if (name == "--b")
        options.b = parse_tap(value);
    else if (name == "--control")
        options.control_path = value;
    else if (name == "--up")
        options.up = value;
    else if (name == "--down")
        options.down = value;
    else if (name == "--seed")
        options.seed = parse_number<std::uint64_t>(value);
    else if (name == "--parent")
        options.parent_pid = parse_number<int>(value);
    else
        throw std::invalid_argument{"unknown option: " + std::string{name}};
}

EmulatorOptions parse_arguments(std::span<char*> arguments)
{
    EmulatorOptions options;
    options.parent_pid = ::getppid();
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size())
            throw std::invalid_argument{"value missing: " + std::string{arguments[i]}};
        set_option(options, arguments[i], arguments[i + 1]);
    }
    return options;
}

/// The emulator stands for hardware, which does not wait for the programs under test. Where this
/// is not permitted the link works, with more noise.
void run_before_programs()
{
    sched_param parameters{};
    parameters.sched_priority = 1;
    static_cast<void>(::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters));
}

} // namespace

int main(int argc, char** argv)
{
    const std::span arguments{argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)};
    if (arguments.empty() || std::string_view{arguments[0]} == "--help") {
        std::fputs(usage, arguments.empty() ? stderr : stdout);
        return arguments.empty() ? 2 : 0;
    }
    try {
        const auto options = parse_arguments(arguments);
        braid::lab::Emulator emulator{options};
        run_before_programs();
        std::printf("{\"ready\":true,\"seed\":%s}\n", std::to_string(options.seed).c_str());
        std::fflush(stdout);
        emulator.run();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "linkem: %s\n", error.what());
        return 1;
    }
}
