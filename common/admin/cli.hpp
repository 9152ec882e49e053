/// The command line: the same verbs for both programs.
#pragma once

#include "common/admin/daemon.hpp"
#include "common/admin/program.hpp"

namespace braid {

/// Runs one command and yields the exit status of the process. Call it first in main(): it
/// may fork.
[[nodiscard]] int run_cli(const Program& program, int argc, const char* const* argv,
                          const Console& console);

/// As above, on the process's own standard streams.
[[nodiscard]] int run_cli(const Program& program, int argc, const char* const* argv);

} // namespace braid
