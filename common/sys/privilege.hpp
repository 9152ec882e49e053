/// What this process may do: its user, its capabilities, and what the kernel tells of both.
///
/// Capabilities and no_new_privs belong to a thread, and threads inherit them: give them up
/// while there is one thread only.
#pragma once

#include "common/base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace braid {

struct User {
    std::string name;
    uid_t id = 0;
    gid_t group = 0;
    bool operator==(const User&) const = default;
};

/// None when there is no such user.
[[nodiscard]] Result<std::optional<User>> find_user(const std::string& name);

/// Keeps the memory of this process, and the keys in it, out of core dumps, and other processes
/// of its user from reading it. To be called again after a change of user, which resets it.
/// Builds with sanitizers do the opposite: their leak check reads its own process.
[[nodiscard]] Status forbid_core_dumps();

/// Lets this process lock that many bytes of memory, where its keys are, without CAP_IPC_LOCK; or
/// as many as it may allow itself.
void allow_locked_memory(std::size_t bytes);

/// Whether that user, with its own group only and without capabilities, has all of this access
/// (R_OK, W_OK, X_OK) to a path; access(2)'s error where not. Forks, and needs root.
[[nodiscard]] Status check_access(const User& user, const std::filesystem::path& path, int access);

/// Becomes another user for good, without supplementary groups. The permitted capabilities stay,
/// the effective ones are gone: keep_capabilities() comes next. Errors: EPERM, not root.
[[nodiscard]] Status become_user(const User& user);

/// Capabilities by number (CAP_NET_ADMIN).
struct KeptCapabilities {
    std::vector<int> effective;
    std::vector<int> reserve{}; ///< permitted only, for RaisedCapability
};

/// Gives up all others for good, those included that programs run by this process could get:
/// bounding, ambient and inheritable set are emptied, no_new_privs is set. What is not there is
/// not kept either.
[[nodiscard]] Status keep_capabilities(const KeptCapabilities& kept);

/// Makes a capability effective as long as it lives, where it is permitted but not effective.
class RaisedCapability {
public:
    explicit RaisedCapability(int capability);
    ~RaisedCapability();
    RaisedCapability(const RaisedCapability&) = delete;
    RaisedCapability& operator=(const RaisedCapability&) = delete;

private:
    int capability_;
    bool raised_;
};

/// What the kernel tells of the calling thread.
struct Privileges {
    std::string user;                      ///< its name, or its number where it has none
    std::vector<std::string> capabilities; ///< permitted: "cap_net_admin"
    bool no_new_privs = false;
    bool seccomp = false; ///< a filter is in force
    bool core_dumps = true;
};
[[nodiscard]] Privileges present_privileges();

} // namespace braid
