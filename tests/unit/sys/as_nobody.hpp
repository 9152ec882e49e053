/// Privileges of this thread, dropped for a while.
#pragma once

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace braid::test {

/// While it lives this thread acts as user nobody, without capabilities.
class AsNobody {
public:
    AsNobody() { REQUIRE(set_effective_user(65534) == 0); }
    ~AsNobody() { set_effective_user(0); }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;

private:
    /// The bare call: that of the C library changes every thread.
    static long set_effective_user(int user) { return ::syscall(SYS_setresuid, -1, user, -1); }
};

} // namespace braid::test
