/// "Did you mean ...?": the known word nearest to a mistyped one. PURE.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace braid {

/// How many letters must be added, removed, changed or swapped with their neighbour
/// (optimal string alignment) to turn one word into the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known`, if it is near enough to be meant.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> known);

/// "did you mean 'x'?", else "one of: x, y, z".
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> known);

} // namespace braid
