/// Whole numbers with a decimal unit, as configs have them: 500M bytes, 256k bit/s. PURE.
#pragma once

#include "common/base/result.hpp"

#include <cstdint>
#include <string>

namespace braid {

constexpr std::uint64_t largest_quantity = 1'000'000'000'000'000'000; ///< a million T

/// Yields what the digits and one of k, M, G, T (powers of 1000), or no unit, stand for. Errors
/// (invalid_argument): anything else, nothing at all (0), more than largest_quantity.
[[nodiscard]] Result<std::uint64_t> parse_quantity(const std::string& text);

/// The shortest text that stands for exactly this: "500M", "1234k", "7".
[[nodiscard]] std::string quantity_text(std::uint64_t value);

} // namespace braid
