#include "common/sys/privilege.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace braid {
namespace {

constexpr std::size_t passwd_entry_size = 16384; ///< bytes; names, paths and a comment

struct FreeCapabilities {
    void operator()(cap_t set) const noexcept { ::cap_free(set); }
};
using CapabilitySet = std::unique_ptr<_cap_struct, FreeCapabilities>;

/// The kernel's numbers end where it says so, whatever the library knows.
bool is_bounding(int capability)
{
    return ::cap_get_bound(capability) > 0;
}

bool has(const CapabilitySet& set, int capability, cap_flag_t flag)
{
    cap_flag_value_t value = CAP_CLEAR;
    return set && ::cap_get_flag(set.get(), capability, flag, &value) == 0 && value == CAP_SET;
}

/// Only one who may drop from the bounding set can; to all others it is of no use, since
/// no_new_privs keeps execve(2) from adding anything.
void empty_bounding_set()
{
    const CapabilitySet own{::cap_get_proc()};
    if (!has(own, CAP_SETPCAP, CAP_EFFECTIVE)) return;
    for (int each = 0; each < ::cap_max_bits(); ++each) {
        if (is_bounding(each)) ::cap_drop_bound(each);
    }
}

/// Adds those to one of the new sets that the process has already.
bool add(const CapabilitySet& to, cap_flag_t flag, const std::vector<int>& wanted,
         const CapabilitySet& own)
{
    return std::ranges::all_of(wanted, [&](int each) {
        const cap_value_t value = each;
        return !has(own, each, CAP_PERMITTED) ||
               ::cap_set_flag(to.get(), flag, 1, &value, CAP_SET) == 0;
    });
}

/// In a child that is about to end: the errno of access(2), 0 when all is granted.
int access_as(const User& user, const char* path, int access)
{
    const bool changed = ::setgroups(0, nullptr) == 0 &&
                         ::setresgid(user.group, user.group, user.group) == 0 &&
                         ::setresuid(user.id, user.id, user.id) == 0;
    const CapabilitySet none{::cap_init()};
    if (!changed || !none || ::cap_set_proc(none.get()) < 0) return EPERM;
    return ::access(path, access) == 0 ? 0 : errno;
}

std::string name_of_user(uid_t id)
{
    std::array<char, passwd_entry_size> texts{};
    passwd entry{};
    passwd* found = nullptr;
    const int failed = ::getpwuid_r(id, &entry, texts.data(), texts.size(), &found);
    return failed == 0 && found != nullptr ? found->pw_name : std::to_string(id);
}

std::string name_of_capability(int capability)
{
    const std::unique_ptr<char, decltype(&::cap_free)> name{::cap_to_name(capability), ::cap_free};
    return name ? name.get() : std::to_string(capability);
}

} // namespace

Result<std::optional<User>> find_user(const std::string& name)
{
    std::array<char, passwd_entry_size> texts{};
    passwd entry{};
    passwd* found = nullptr;
    errno = ::getpwnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found);
    if (found != nullptr) return User{name, found->pw_uid, found->pw_gid};
    const bool absent = errno == 0 || errno == ENOENT || errno == ESRCH; // getpwnam(3)
    if (!absent) return fail_errno("look up user", name);
    return std::nullopt;
}

Status forbid_core_dumps()
{
#ifdef BRAID_SANITIZED
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#else
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return fail_errno("PR_SET_DUMPABLE", "0");
    constexpr rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_CORE, &none) < 0) return fail_errno("RLIMIT_CORE", "0");
#endif
    return {};
}

void allow_locked_memory(std::size_t bytes)
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur >= bytes) return;
    const rlimit wanted{.rlim_cur = bytes, .rlim_max = std::max<rlim_t>(limit.rlim_max, bytes)};
    if (::setrlimit(RLIMIT_MEMLOCK, &wanted) == 0) return;
    limit.rlim_cur = limit.rlim_max; // without CAP_SYS_RESOURCE, as in some containers
    ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

Status check_access(const User& user, const std::filesystem::path& path, int access)
{
    const pid_t child = ::fork();
    if (child < 0) return fail_errno("fork", "");
    if (child == 0) ::_exit(access_as(user, path.c_str(), access));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
    return fail_errno("access of user " + user.name + " to", path.native());
}

Status become_user(const User& user)
{
    empty_bounding_set(); // while we still may
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return fail_errno("PR_SET_KEEPCAPS", "1");
    if (::setgroups(0, nullptr) < 0) return fail_errno("setgroups", "none");
    if (::setresgid(user.group, user.group, user.group) < 0)
        return fail_errno("setresgid", user.name);
    if (::setresuid(user.id, user.id, user.id) < 0) return fail_errno("setresuid", user.name);
    return forbid_core_dumps();
}

Status keep_capabilities(const KeptCapabilities& kept)
{
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail_errno("PR_SET_NO_NEW_PRIVS", "1");
    empty_bounding_set();
    ::cap_reset_ambient(); // fails only where the kernel has no such set
    const CapabilitySet own{::cap_get_proc()};
    const CapabilitySet set{::cap_init()};
    const bool made = own && set && add(set, CAP_PERMITTED, kept.effective, own) &&
                      add(set, CAP_PERMITTED, kept.reserve, own) &&
                      add(set, CAP_EFFECTIVE, kept.effective, own);
    if (!made) return fail_errno("capabilities", "");
    if (::cap_set_proc(set.get()) < 0) return fail_errno("capset", "self");
    return {};
}

namespace {

/// False when it was effective already, or is not permitted.
bool change_effective(int capability, cap_flag_value_t value)
{
    const CapabilitySet own{::cap_get_proc()};
    const bool is_set = has(own, capability, CAP_EFFECTIVE);
    if (!own || is_set == (value == CAP_SET)) return false;
    const cap_value_t number = capability;
    return ::cap_set_flag(own.get(), CAP_EFFECTIVE, 1, &number, value) == 0 &&
           ::cap_set_proc(own.get()) == 0;
}

} // namespace

RaisedCapability::RaisedCapability(int capability)
    : capability_(capability), raised_(change_effective(capability, CAP_SET))
{
}

RaisedCapability::~RaisedCapability()
{
    if (raised_) change_effective(capability_, CAP_CLEAR);
}

Privileges present_privileges()
{
    Privileges present{.user = name_of_user(::geteuid()), .capabilities = {}};
    const CapabilitySet own{::cap_get_proc()};
    for (int each = 0; each < ::cap_max_bits(); ++each) {
        if (has(own, each, CAP_PERMITTED)) present.capabilities.push_back(name_of_capability(each));
    }
    present.no_new_privs = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    present.seccomp = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0;
    present.core_dumps = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
    return present;
}

} // namespace braid
