#include "common/admin/status_text.hpp"

#include "common/admin/printable.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t gap = 2; ///< spaces between columns

std::string cell_text(std::string_view text)
{
    return text.empty() ? "-" : printable(text);
}

/// A whole number that is not negative; none for anything else.
std::optional<std::uint64_t> count_of(const nlohmann::json& value)
{
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (value.is_number_integer() && value.get<std::int64_t>() >= 0)
        return static_cast<std::uint64_t>(value.get<std::int64_t>());
    return std::nullopt;
}

/// The same, and the whole part of one with a fraction.
std::optional<std::uint64_t> whole_of(const nlohmann::json& value)
{
    constexpr double beyond = 1e15; // JSON of a peer's own making, say
    if (!value.is_number_float()) return count_of(value);
    const auto number = value.get<double>();
    if (!(number >= 0 && number < beyond)) return std::nullopt;
    return static_cast<std::uint64_t>(number);
}

std::uint64_t rounded(std::uint64_t value, std::uint64_t unit)
{
    return value / unit + (value % unit >= unit / 2 ? 1 : 0);
}

/// Tenths as "12.3".
std::string with_tenths(std::uint64_t tenths)
{
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

} // namespace

TextTable::TextTable(std::vector<std::string> heading)
{
    if (!heading.empty()) add(std::move(heading));
}

void TextTable::add(std::vector<std::string> row)
{
    for (auto& cell : row) cell = cell_text(cell);
    rows_.push_back(std::move(row));
}

std::string TextTable::text(std::size_t indent) const
{
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line(indent, ' ');
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + gap, ' ');
        }
        text += line + "\n";
    }
    return text;
}

const nlohmann::json& member(const nlohmann::json& object, const char* key)
{
    static const nlohmann::json none;
    if (!object.is_object()) return none;
    const auto found = object.find(key);
    return found == object.end() ? none : *found;
}

std::string plain_text(const nlohmann::json& value)
{
    if (value.is_string()) return cell_text(value.get<std::string>());
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_number()) return value.dump();
    std::string joined;
    if (value.is_array()) {
        for (const auto& part : value)
            joined.append(joined.empty() ? "" : ", ").append(plain_text(part));
    }
    return cell_text(joined);
}

std::string privileges_text(const nlohmann::json& privileges)
{
    std::string text = "user " + plain_text(member(privileges, "user"));
    text.append(", ").append(plain_text(member(privileges, "capabilities")));
    for (const auto* key : {"no_new_privs", "seccomp"}) {
        const bool holds = member(privileges, key) == nlohmann::json(true);
        text.append(holds ? ", " : ", no ").append(key);
    }
    return text;
}

std::string crypto_text(const nlohmann::json& crypto, const nlohmann::json& cipher)
{
    auto all = nlohmann::json::array();
    if (!crypto.is_object()) return plain_text(all);
    for (const auto& [key, library] : crypto.items()) {
        if (cipher.is_null() || cipher == nlohmann::json(key))
            all.push_back(key + " by " + plain_text(library));
    }
    return plain_text(all);
}

std::string workers_text(const nlohmann::json& workers)
{
    const std::string configured = plain_text(member(workers, "configured"));
    if (configured == "1") return configured;
    const bool in_use = member(workers, "in_use") == nlohmann::json(true);
    if (!in_use) return configured + ", not in use";
    return configured + ", in use: " + plain_text(member(workers, "threads")) + " beside the loop";
}

std::string bytes_text(const nlohmann::json& bytes)
{
    constexpr std::array units{"kB", "MB", "GB", "TB", "PB"};
    const auto count = count_of(bytes);
    if (!count) return "-";
    if (*count < 1000) return std::to_string(*count) + " B";
    std::uint64_t scale = 1000;
    std::size_t unit = 0;
    // From 999.95 on it would be rounded to 1000.0.
    while (unit + 1 < units.size() && *count >= scale * 1000 - scale / 20) {
        scale *= 1000;
        ++unit;
    }
    return with_tenths(rounded(*count, scale / 10)) + " " + units[unit];
}

std::string rtt_text(const nlohmann::json& rtt_us)
{
    const auto count = count_of(rtt_us);
    if (!count || *count == 0) return "-";
    return with_tenths(rounded(*count, 100)) + " ms";
}

std::string percent_text(const nlohmann::json& part)
{
    // The comparison is false for what is not a number too.
    const double value = part.is_number() ? part.get<double>() : -1;
    if (!(value >= 0 && value <= 1)) return "-";
    const auto tenths = static_cast<std::uint64_t>(value * 1000 + 0.5);
    if (tenths == 0) return "0 %";
    return (tenths < 100 ? with_tenths(tenths) : std::to_string(rounded(tenths, 10))) + " %";
}

std::string span_text(const nlohmann::json& seconds)
{
    constexpr std::uint64_t minute = 60;
    constexpr std::uint64_t hour = 60 * minute;
    constexpr std::uint64_t day = 24 * hour;
    const auto count = whole_of(seconds);
    if (!count) return "-";
    if (*count < 2 * minute) return std::to_string(*count) + " s";
    if (*count < 2 * hour) return std::to_string(*count / minute) + " min";
    if (*count < 2 * day) return std::to_string(*count / hour) + " h";
    return std::to_string(*count / day) + " d";
}

std::string ago_text(const nlohmann::json& seconds)
{
    if (seconds.is_null()) return "never";
    const std::string span = span_text(seconds);
    return span == "-" ? span : span + " ago";
}

} // namespace braid
