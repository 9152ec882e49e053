/// JSON from others.
#pragma once

#include "common/base/result.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

namespace braid {

/// Levels of objects and lists in each other. What is done with a value is often recursive, and
/// without a bound a text of some MiB would use up the stack.
constexpr int max_json_depth = 16;

/// PURE. The value of a whole text. Errors (invalid_argument): it is no JSON, or deeper.
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text);

} // namespace braid
