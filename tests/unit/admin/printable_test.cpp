#include "common/admin/console.hpp"
#include "common/admin/printable.hpp"

#include <doctest/doctest.h>
#include <sstream>

using namespace braid;

TEST_CASE("control characters do not reach a terminal, other characters do")
{
    CHECK(printable("") == "");
    CHECK(printable("a\x1b[2Jb\r\n\x7f") == "a?[2Jb???");
    CHECK(printable("\xc2\x9b"
                    "5n") == "?5n");
    CHECK(printable("B\xc3\xbcro \xc2\xa9 \xc2") == "B\xc3\xbcro \xc2\xa9 \xc2");
}

TEST_CASE("further lines of a text are indented")
{
    CHECK(printable_lines("one") == "one");
    CHECK(printable_lines("one\n\x1btwo\n") == "one\n  ?two\n  ");
}

TEST_CASE("a console shows errors, warnings and hints without control characters")
{
    std::stringstream in;
    std::ostringstream out;
    std::ostringstream err;
    const Console console{in, out, err};
    const Error hostile{std::make_error_code(std::errc::operation_canceled),
                        "bad\x1b]0;title\x07\nhint: no", "\x1b[8m"};
    CHECK(console.fail(ExitCode::failure, hostile) == ExitCode::failure);
    console.warn(hostile);
    CHECK(err.str() == "error: bad?]0;title?\n  hint: no\nhint: ?[8m\n"
                       "warning: bad?]0;title?\n  hint: no\nhint: ?[8m\n");
}
