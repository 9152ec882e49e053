/// For LD_PRELOAD: makes a TUN refuse UDP segmentation offload, as a kernel before Linux 6.2 does.
#include <cerrno>
#include <cstdarg>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept
{
    std::va_list arguments;
    va_start(arguments, request);
    const auto argument = va_arg(arguments, unsigned long);
    va_end(arguments);
    constexpr unsigned long uso = 0x20 | 0x40; // TUN_F_USO4, TUN_F_USO6
    if (request == TUNSETOFFLOAD && (argument & uso) != 0) {
        errno = EINVAL;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}
