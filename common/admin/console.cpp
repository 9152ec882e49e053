#include "common/admin/console.hpp"

#include "common/admin/host_check.hpp"
#include "common/admin/printable.hpp"

#include <fcntl.h>
#include <ostream>
#include <string_view>
#include <unistd.h>

namespace braid {
namespace {

void print(std::ostream& out, std::string_view kind, const Error& error)
{
    // A daemon's texts come from a user that may be another one's, and from beyond this host.
    out << kind << printable_lines(error.text()) << '\n';
    if (!error.hint.empty()) out << "hint: " << printable_lines(error.hint) << '\n';
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

void open_closed_streams()
{
    // open(2) takes the lowest free number, which is this one, as those below are open by then.
    // Not close-on-exec: they are standard streams for our children too.
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(stream, F_GETFD) < 0) [[maybe_unused]]
            const int null = ::open("/dev/null", O_RDWR);
}

} // namespace braid
