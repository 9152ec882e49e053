#include "common/admin/console.hpp"

#include "common/admin/host_check.hpp"

#include <ostream>
#include <string_view>

namespace braid {
namespace {

void print(std::ostream& out, std::string_view kind, const Error& error)
{
    out << kind << error.text() << '\n';
    if (!error.hint.empty()) out << "hint: " << error.hint << '\n';
    out.flush();
}

} // namespace

ExitCode Console::fail(ExitCode code, const Error& error) const
{
    print(err, "error: ", error);
    return code;
}

ExitCode Console::fail(const Error& error) const
{
    const bool timed_out = error.code == std::errc::timed_out;
    return fail(timed_out ? ExitCode::timed_out : exit_code_of(error), error);
}

void Console::warn(const Error& error) const
{
    print(err, "warning: ", error);
}

} // namespace braid
