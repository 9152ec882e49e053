#include "tests/lab/link_settings.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace braid::lab {
namespace {

// Bounds of what makes sense; they keep every later computation inside 64 bits.
constexpr double max_rate_bps = 100e9;
constexpr double max_time_ns = 60e9;
constexpr double max_queue_bytes = 1e9;

struct Unit {
    std::string_view suffix;
    double factor;
};

constexpr std::array rate_units{Unit{"", 1},       Unit{"bit", 1},   Unit{"k", 1e3},
                                Unit{"kbit", 1e3}, Unit{"M", 1e6},   Unit{"Mbit", 1e6},
                                Unit{"G", 1e9},    Unit{"Gbit", 1e9}};
constexpr std::array time_units{Unit{"us", 1e3}, Unit{"ms", 1e6}, Unit{"s", 1e9}};
constexpr std::array byte_units{Unit{"", 1}, Unit{"B", 1}, Unit{"KiB", 1024},
                                Unit{"MiB", 1024.0 * 1024.0}};
constexpr std::array percent_units{Unit{"", 1}, Unit{"%", 1}};
constexpr std::array plain_units{Unit{"", 1}};

/// Yields the number with its unit applied; nothing when it is malformed or outside 0..`max`.
std::optional<double> parse_quantity(std::string_view text, std::span<const Unit> units, double max)
{
    double number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    for (const auto& unit : units) {
        if (unit.suffix != text) continue;
        const double value = number * unit.factor;
        // Negated so that a NaN is refused too.
        if (!(value >= 0 && value <= max)) return std::nullopt;
        return value;
    }
    return std::nullopt;
}

std::optional<Duration> parse_time(std::string_view text)
{
    const auto value = parse_quantity(text, time_units, max_time_ns);
    if (!value) return std::nullopt;
    return Duration{std::llround(*value)};
}

bool set_time(Duration& field, std::string_view text)
{
    const auto time = parse_time(text);
    if (time) field = *time;
    return time.has_value();
}

bool set_rate(LinkSettings& settings, std::string_view text)
{
    const auto rate =
        text == "unlimited" ? std::optional{0.0} : parse_quantity(text, rate_units, max_rate_bps);
    // Zero in digits is refused: it reads like "no traffic" but would mean "unlimited".
    if (!rate || (text != "unlimited" && *rate < 1)) return false;
    settings.rate_bps = static_cast<std::uint64_t>(std::llround(*rate));
    settings.trace_path.clear();
    return true;
}

bool set_loss(LinkSettings& settings, std::string_view text)
{
    const auto loss = parse_quantity(text, percent_units, 100);
    if (loss) settings.loss_percent = *loss;
    return loss.has_value();
}

bool set_burst(LinkSettings& settings, std::string_view text)
{
    const auto burst = parse_quantity(text, plain_units, 1e6);
    if (!burst || *burst < 1) return false;
    settings.burst_packets = *burst;
    return true;
}

bool set_queue(LinkSettings& settings, std::string_view text)
{
    if (const auto time = parse_time(text)) {
        settings.queue = *time;
        return true;
    }
    const auto bytes = parse_quantity(text, byte_units, max_queue_bytes);
    if (bytes) settings.queue = static_cast<std::uint64_t>(std::llround(*bytes));
    return bytes.has_value();
}

bool set_blackhole(LinkSettings& settings, std::string_view text)
{
    if (text != "on" && text != "off") return false;
    settings.blackhole = text == "on" ? Blackhole::on : Blackhole::off;
    return true;
}

bool set_stall(LinkSettings& settings, std::string_view text)
{
    if (text != "on" && text != "off") return false;
    settings.stall = text == "on" ? Stall::on : Stall::off;
    return true;
}

bool set_trace(LinkSettings& settings, std::string_view text)
{
    if (text.empty()) return false;
    settings.trace_path = text == "off" ? std::string{} : std::string{text};
    return true;
}

/// Applies one word; yields the problem, or an empty text.
std::string set_word(LinkSettings& settings, std::string_view word)
{
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view{} : word.substr(equals + 1);

    std::optional<bool> fine;
    if (key == "rate") fine = set_rate(settings, value);
    if (key == "delay") fine = set_time(settings.delay, value);
    if (key == "jitter") fine = set_time(settings.jitter, value);
    if (key == "loss") fine = set_loss(settings, value);
    if (key == "burst") fine = set_burst(settings, value);
    if (key == "queue") fine = set_queue(settings, value);
    if (key == "blackhole") fine = set_blackhole(settings, value);
    if (key == "stall") fine = set_stall(settings, value);
    if (key == "trace") fine = set_trace(settings, value);

    if (!fine) return std::string{"unknown setting: "}.append(key);
    if (!*fine) return std::string{"bad value: "}.append(word);
    return {};
}

} // namespace

SettingsChange change_settings(LinkSettings base, std::string_view words)
{
    LinkSettings changed = base;
    while (true) {
        const auto start = words.find_first_not_of(" \t");
        if (start == std::string_view::npos) return {std::move(changed), {}};
        words.remove_prefix(start);
        const auto word = words.substr(0, words.find_first_of(" \t"));
        if (auto problem = set_word(changed, word); !problem.empty())
            return {std::move(base), std::move(problem)};
        words.remove_prefix(word.size());
    }
}

std::uint64_t queue_limit_bytes(const QueueBound& bound, std::uint64_t rate_bps)
{
    if (const auto* bytes = std::get_if<std::uint64_t>(&bound)) return *bytes;
    // Without a rate nothing waits, so a bound in time does not bind.
    if (rate_bps == 0) return std::numeric_limits<std::uint64_t>::max();
    const double seconds = std::chrono::duration<double>(std::get<Duration>(bound)).count();
    return static_cast<std::uint64_t>(static_cast<double>(rate_bps) * seconds / 8);
}

} // namespace braid::lab
