/// How often the program has asked for memory, so that a test can show what does without.
#pragma once

#include <cstddef>

namespace braid::test {

/// Calls of malloc and its kin since the program began, whoever made them: operator new, C
/// libraries, other threads.
[[nodiscard]] std::size_t allocations() noexcept;

} // namespace braid::test
