// Owner of a file descriptor and the error of a failed system call. The emulator is a program of
// its own that depends on nothing else of the project, so it brings these few lines along.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace braid::lab {

/// Sole owner of a file descriptor; empty when get() is -1.
class Fd {
public:
    Fd() noexcept = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept
    {
        reset(other.release());
        return *this;
    }
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept
    {
        // close(2) is not retried on EINTR: Linux has released the number by then.
        if (const int old = std::exchange(fd_, fd); old >= 0) ::close(old);
    }

private:
    int fd_ = -1;
};

/// Ends the start-up of the emulator; main() prints it. Not used once the link runs.
[[noreturn]] inline void throw_errno(const std::string& attempt)
{
    throw std::system_error{errno, std::system_category(), attempt};
}

/// Yields `fd` owned; ends the start-up when the call that made it failed.
[[nodiscard]] inline Fd checked_fd(int fd, const std::string& attempt)
{
    if (fd < 0) throw_errno(attempt);
    return Fd{fd};
}

} // namespace braid::lab
