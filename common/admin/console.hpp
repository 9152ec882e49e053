/// Where a command reads and prints.
#pragma once

#include "common/admin/exit_code.hpp"
#include "common/base/result.hpp"

#include <iosfwd>

namespace braid {

/// Borrowed streams.
struct Console {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;

    /// Prints `error: ...` and, when there is one, `hint: ...`, both without control characters;
    /// yields `code`.
    ExitCode fail(ExitCode code, const Error& error) const;
    /// The same with the status that fits the error.
    ExitCode fail(const Error& error) const;
    /// Prints `warning: ...` and its hint.
    void warn(const Error& error) const;
};

/// Opens /dev/null for each standard stream that whoever started us has closed, so that no
/// descriptor of ours gets its number: a daemon replaces those three.
void open_closed_streams();

} // namespace braid
