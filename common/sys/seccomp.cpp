#include "common/sys/seccomp.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <span>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

#ifdef BRAID_SANITIZED
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// By name: libseccomp knows which of them an architecture has, and skips the others.
constexpr std::array allowed_calls{
    // Descriptors.
    "read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "close", "dup", "dup2",
    "dup3", "fcntl", "pipe", "pipe2", "eventfd2", "poll", "ppoll", "select", "pselect6",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    // Files: log, journal, control socket, /proc/sys, what name service and libraries read.
    "open", "openat", "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd",
    "ftruncate", "fsync", "fdatasync", "unlink", "unlinkat", "rename", "renameat", "renameat2",
    "mkdir", "mkdirat", "chmod", "fchmod", "fchmodat", "flock",
    // Sockets; socket(2) itself is below.
    "bind", "listen", "accept", "accept4", "connect", "shutdown", "socketpair", "getsockname",
    "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom",
    "recvmsg", "recvmmsg",
    // Memory; mmap(2) and mprotect(2) are below.
    "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "membarrier", "mseal",
    // Threads and signals; clone(2) is below.
    "futex", "futex_waitv", "set_robust_list", "set_tid_address", "rseq", "gettid", "sched_yield",
    "sched_getaffinity", "getcpu", "exit", "exit_group", "tgkill", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "pause", "restart_syscall",
    // Time.
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    // This process and host.
    "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "getrlimit", "getrusage", "uname", "sysinfo", "getrandom", "umask", "capget",
    "capset"};

/// Nothing in a daemon leads to these, whatever the libraries' versions.
constexpr std::array deadly_calls{
    // Other programs and processes.
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "perf_event_open",
    "userfaultfd",
    // The host, its files and its namespaces.
    "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "pivot_root", "chroot", "setns", "unshare", "swapon", "swapoff", "acct",
    "reboot", "settimeofday", "clock_settime", "sethostname", "setdomainname",
    // The kernel.
    "bpf", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "iopl",
    "ioperm", "modify_ldt", "add_key", "request_key", "keyctl"};

/// TUN set-up, what waits in a socket, the index of an interface; and what libc and libuv ask of
/// descriptors (TCGETS: whether it is a terminal).
constexpr std::array allowed_ioctls{TUNSETIFF,
                                    TUNSETVNETHDRSZ,
                                    TUNSETOFFLOAD,
                                    static_cast<unsigned long>(SIOCOUTQNSD),
                                    static_cast<unsigned long>(SIOCGIFINDEX),
                                    static_cast<unsigned long>(SIOCGIFNAME),
                                    static_cast<unsigned long>(FIONBIO),
                                    static_cast<unsigned long>(FIONREAD),
                                    static_cast<unsigned long>(FIOCLEX),
                                    static_cast<unsigned long>(TCGETS)};

constexpr std::array allowed_families{AF_UNIX, AF_INET, AF_INET6};
constexpr std::array allowed_netlink{NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_GENERIC,
                                     NETLINK_SOCK_DIAG};
/// PR_SET_NAME: libuv and libc name threads. PR_CAPBSET_READ: keep_capabilities().
constexpr std::array allowed_prctls{PR_SET_NAME,     PR_GET_NAME,     PR_GET_NO_NEW_PRIVS,
                                    PR_GET_SECCOMP,  PR_GET_DUMPABLE, PR_SET_NO_NEW_PRIVS,
                                    PR_CAPBSET_READ, PR_CAP_AMBIENT};

/// The low half of an argument, which is all that the kernel looks at where it is an int.
constexpr scmp_datum_t int_mask = 0xffffffff;

struct Release {
    void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};

/// A filter in the making. After one failure the others do nothing.
class Filter {
public:
    Filter() : filter_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS))), failure_(filter_ ? 0 : -ENOMEM) {}

    void set(scmp_filter_attr attribute, std::uint32_t value)
    {
        if (failure_ == 0) failure_ = ::seccomp_attr_set(filter_.get(), attribute, value);
    }
    /// A call where all conditions hold. One that this architecture does not have is skipped.
    void rule(std::uint32_t action, const char* call, std::span<const scmp_arg_cmp> conditions = {})
    {
        const int number = ::seccomp_syscall_resolve_name(call);
        if (number < 0 || failure_ != 0) return;
        failure_ =
            ::seccomp_rule_add_array(filter_.get(), action, number,
                                     static_cast<unsigned>(conditions.size()), conditions.data());
        if (failure_ != 0) failed_at_ = call;
    }
    void allow(const char* call, std::initializer_list<scmp_arg_cmp> conditions = {})
    {
        rule(SCMP_ACT_ALLOW, call, {conditions.begin(), conditions.size()});
    }
    [[nodiscard]] Status load()
    {
        if (failure_ == 0) failure_ = ::seccomp_load(filter_.get());
        if (failure_ == 0) return {};
        errno = -failure_;
        return fail_errno("seccomp filter", failed_at_);
    }

private:
    std::unique_ptr<void, Release> filter_;
    int failure_;
    std::string failed_at_{};
};

/// The condition that, of an argument's bits in `mask`, exactly those of `value` are set.
template <typename Mask, typename Value>
scmp_arg_cmp bits(unsigned argument, Mask mask, Value value)
{
    return {.arg = argument,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = static_cast<scmp_datum_t>(mask),
            .datum_b = static_cast<scmp_datum_t>(value)};
}

/// The condition that an int has this value.
template <typename Value>
scmp_arg_cmp is(unsigned argument, Value value)
{
    return bits(argument, int_mask, value);
}

void allow_by_arguments(Filter& filter)
{
    for (const int family : allowed_families) filter.allow("socket", {is(0, family)});
    for (const int protocol : allowed_netlink)
        filter.allow("socket", {is(0, AF_NETLINK), is(2, protocol)});
    for (const unsigned long request : allowed_ioctls) filter.allow("ioctl", {is(1, request)});
    for (const int option : allowed_prctls) filter.allow("prctl", {is(0, option)});
    for (const char* call : {"mmap", "mprotect"}) {
        filter.allow(call, {bits(2, PROT_EXEC, 0)});
        filter.allow(call, {bits(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)});
    }
    // Threads in our namespaces, no processes. The flags of clone3(2) are out of a filter's
    // reach: it is refused, and libc takes clone(2).
    constexpr auto elsewhere = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                               CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    filter.allow("clone", {bits(0, CLONE_THREAD | elsewhere, CLONE_THREAD)});
    filter.allow("prlimit64", {is(0, 0)}); // of this process
}

} // namespace

Status install_seccomp_filter()
{
    if (sanitized) return fail(std::errc::not_supported, "seccomp filter: built with sanitizers");
    const auto architecture = ::seccomp_arch_native();
    if (architecture != SCMP_ARCH_X86_64 && architecture != SCMP_ARCH_AARCH64)
        return fail(std::errc::not_supported, "seccomp filter: not made for this architecture");
    Filter filter;
    filter.set(SCMP_FLTATR_CTL_TSYNC, 1);
    filter.set(SCMP_FLTATR_API_SYSRAWRC, 1);                    // errno of the kernel
    filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS); // calls of another architecture
    filter.set(SCMP_FLTATR_CTL_OPTIMIZE, 2); // a binary tree: there are more than 100 calls
    for (const char* call : allowed_calls) filter.allow(call);
    for (const char* call : deadly_calls) filter.rule(SCMP_ACT_KILL_PROCESS, call);
    allow_by_arguments(filter);
    return filter.load();
}

} // namespace braid
