#include "tests/lab/tap.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace braid::lab {
namespace {

/// Frames that the device holds for us while the machine keeps us waiting: 80 ms at 300 Mbit/s.
/// The queue that counts is the link's own.
constexpr int device_queue_packets = 2048;

/// Moves this thread into a namespace, and back at its end.
class NetnsVisit {
public:
    explicit NetnsVisit(const std::string& netns)
        : home_(checked_fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "own netns"))
    {
        const auto path = netns.find('/') == std::string::npos ? "/run/netns/" + netns : netns;
        const Fd target =
            checked_fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open netns " + path);
        if (::setns(target.get(), CLONE_NEWNET) < 0) throw_errno("setns " + path);
    }
    NetnsVisit(const NetnsVisit&) = delete;
    NetnsVisit& operator=(const NetnsVisit&) = delete;
    ~NetnsVisit() { static_cast<void>(::setns(home_.get(), CLONE_NEWNET)); }

private:
    Fd home_;
};

ifreq named_request(const std::string& name)
{
    if (name.empty() || name.size() >= IFNAMSIZ)
        throw std::invalid_argument{"device name: 1 to 15 bytes: " + name};
    ifreq request{};
    std::ranges::copy(name, request.ifr_name);
    return request;
}

} // namespace

Tap::Tap(const TapAddress& address)
{
    const NetnsVisit visit{address.netns};
    const auto what = address.netns + ":" + address.name;
    fd_ = checked_fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun");

    auto request = named_request(address.name);
    // No virtio header and no offloads: the kernel cuts super-packets into real ones for us.
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(fd_.get(), TUNSETIFF, &request) < 0) throw_errno("TUNSETIFF " + what);

    const Fd any_socket = checked_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    request = named_request(address.name);
    request.ifr_qlen = device_queue_packets;
    if (::ioctl(any_socket.get(), SIOCSIFTXQLEN, &request) < 0) throw_errno("txqueuelen " + what);
}

std::optional<std::size_t> Tap::read(std::span<std::byte> buffer)
{
    if (state_ == TapState::gone) return std::nullopt;
    const auto length = ::read(fd_.get(), buffer.data(), buffer.size());
    if (length >= 0) return static_cast<std::size_t>(length);
    note_error(errno);
    return std::nullopt;
}

bool Tap::write(std::span<const std::byte> frame)
{
    if (state_ == TapState::gone || carrier_ == Carrier::off) return false;
    if (::write(fd_.get(), frame.data(), frame.size()) >= 0) return true;
    note_error(errno); // EIO: the device is down, and may come up again
    return false;
}

bool Tap::set_carrier(Carrier carrier)
{
    int on = carrier == Carrier::on ? 1 : 0;
    if (::ioctl(fd_.get(), TUNSETCARRIER, &on) != 0) return false;
    carrier_ = carrier;
    return true;
}

void Tap::note_error(int error)
{
    if (error != EBADFD && error != ENODEV) return;
    // Closing it also takes it out of the epoll set, where it would be ready for ever.
    state_ = TapState::gone;
    fd_.reset();
}

} // namespace braid::lab
