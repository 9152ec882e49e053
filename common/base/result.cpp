#include "common/base/result.hpp"

#include <cerrno>
#include <utility>

namespace braid {

std::string Error::text() const
{
    const bool code_says_more = code.category() == std::system_category();
    return code_says_more ? what + ": " + code.message() : what;
}

tl::unexpected<Error> fail(std::errc code, std::string what, std::string hint)
{
    return tl::unexpected(Error{std::make_error_code(code), std::move(what), std::move(hint)});
}

tl::unexpected<Error> fail(Error error, std::string_view context)
{
    if (!context.empty()) error.what.insert(0, std::string{context}.append(": "));
    return tl::unexpected(std::move(error));
}

tl::unexpected<Error> fail_errno(std::string_view attempt, std::string_view object)
{
    const std::error_code code{errno, std::system_category()};
    std::string what{attempt};
    if (!object.empty()) what.append(" ").append(object);
    return tl::unexpected(Error{code, std::move(what), {}});
}

} // namespace braid
