/// What a process can do to itself only once, done in a child.
#pragma once

#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace braid::test {

/// How a child ends that does this: "" when it yields true, "false", or "signal N".
inline std::string in_child(const std::function<bool()>& act)
{
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(act() ? 0 : 1);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : "false";
}

} // namespace braid::test
