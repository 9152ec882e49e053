#include "common/base/result.hpp"

#include <cerrno>
#include <doctest/doctest.h>
#include <ostream>

using namespace braid;

TEST_CASE("the error of a system call says attempt, object and reason")
{
    errno = EBUSY;
    const Status failed = fail_errno("TUNSETIFF", "braid0");
    CHECK(failed.error().text() == "TUNSETIFF braid0: Device or resource busy");
    CHECK(failed.error().code == std::errc::device_or_resource_busy);
    errno = EPERM;
    const Status without_object = fail_errno("open socket", "");
    CHECK(without_object.error().text() == "open socket: Operation not permitted");
}

TEST_CASE("an error of our own says its sentence only")
{
    const Status failed = fail(std::errc::invalid_argument, "no such policy", "use handover");
    CHECK(failed.error().text() == "no such policy");
    CHECK(failed.error().hint == "use handover");
}

TEST_CASE("context goes in front of an error that is passed on, and keeps the rest")
{
    const Status inner = fail(std::errc::timed_out, "no answer", "look at the server");
    const Result<int> outer = fail(inner.error(), "connect 192.0.2.1:8684");
    CHECK(outer.error().text() == "connect 192.0.2.1:8684: no answer");
    CHECK(outer.error().code == std::errc::timed_out);
    CHECK(outer.error().hint == "look at the server");
    const Result<int> bare = fail(inner.error());
    CHECK(bare.error().text() == "no answer");
}
