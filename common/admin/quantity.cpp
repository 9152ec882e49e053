#include "common/admin/quantity.hpp"

#include <charconv>
#include <string_view>

namespace braid {
namespace {

constexpr std::uint64_t step = 1000;           ///< from one unit to the next
constexpr std::string_view unit_names{"kMGT"}; ///< smallest first

} // namespace

Result<std::uint64_t> parse_quantity(const std::string& text)
{
    const auto refused = [&](std::string what) {
        return fail(std::errc::invalid_argument, "'" + text + "' " + std::move(what),
                    "a whole number with k, M, G or T behind it, for example 500M");
    };
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    const std::string_view unit{rest, end};
    if (error == std::errc::result_out_of_range) return refused("is too large");
    const bool known =
        unit.empty() || (unit.size() == 1 && unit_names.find(unit) != unit_names.npos);
    if (error != std::errc{} || !known) return refused("is not a quantity");
    if (value == 0) return refused("is nothing");
    const auto power = unit.empty() ? 0 : unit_names.find(unit) + 1;
    for (std::size_t i = 0; i < power && value <= largest_quantity; ++i) value *= step;
    if (value > largest_quantity) return refused("is too large");
    return value;
}

std::string quantity_text(std::uint64_t value)
{
    std::size_t power = 0;
    while (power < unit_names.size() && value != 0 && value % step == 0) {
        value /= step;
        ++power;
    }
    std::string text = std::to_string(value);
    if (power > 0) text += unit_names[power - 1];
    return text;
}

} // namespace braid
