/// Errors as values: every operation that is expected to fail yields Result<T>.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>

namespace braid {

/// What went wrong: a code for programs, a sentence that names attempt and object for people,
/// and optionally what to do about it.
struct Error {
    std::error_code code;
    std::string what; ///< "TUNSETIFF braid0", without the code's own text
    std::string hint; ///< empty, or one sentence that tells the remedy

    /// "attempt object: reason", where the reason is the code's text if it says more.
    [[nodiscard]] std::string text() const;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// An Error in the form that a function returning Result<T> can return.
[[nodiscard]] tl::unexpected<Error> fail(std::errc code, std::string what, std::string hint = {});

/// Passes on the error of a failed Result, with what the caller was doing put in front.
[[nodiscard]] tl::unexpected<Error> fail(Error error, std::string_view context = {});

/// Error for the system call that just failed, from errno. Takes views, so that evaluating the
/// arguments cannot touch errno first.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view attempt, std::string_view object);

} // namespace braid
