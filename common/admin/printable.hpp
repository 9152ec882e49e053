/// Text of others on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace braid {

/// PURE. One line: control characters, of ASCII and of UTF-8 (U+0080 to U+009F), which could make a
/// terminal do things, show as '?'.
[[nodiscard]] std::string printable(std::string_view text);

/// PURE. The same, but newlines stay. Further lines are indented, so that none passes for ours.
[[nodiscard]] std::string printable_lines(std::string_view text);

} // namespace braid
