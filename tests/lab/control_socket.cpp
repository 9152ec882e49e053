#include "tests/lab/control_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace braid::lab {
namespace {

Fd listen_at(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        throw std::invalid_argument{"control path: 1 to 107 bytes: " + path};
    std::ranges::copy(path, address.sun_path);

    Fd listener = checked_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                             "control socket");
    // The one cast that the sockets API asks for.
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener.get(), generic, sizeof address) < 0) throw_errno("bind " + path);
    if (::listen(listener.get(), static_cast<int>(ControlSocket::max_connections)) < 0)
        throw_errno("listen " + path);
    return listener;
}

/// Adds `fd` for reading. An fd that cannot be watched is closed by its owner instead.
bool watch(int epoll, int fd)
{
    epoll_event event{};
    event.events = EPOLLIN;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

} // namespace

ControlSocket::ControlSocket(std::string path, Handler handler)
    : path_(std::move(path)),
      handler_(std::move(handler)),
      listener_(listen_at(path_)),
      epoll_(checked_fd(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"))
{
    if (!watch(epoll_.get(), listener_.get())) throw_errno("epoll_ctl " + path_);
}

ControlSocket::~ControlSocket()
{
    ::unlink(path_.c_str());
}

void ControlSocket::serve()
{
    accept_all();
    std::erase_if(connections_, [this](Connection& connection) { return !receive(connection); });
}

void ControlSocket::accept_all()
{
    while (true) {
        Fd accepted{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!accepted) return;
        if (connections_.size() == max_connections) continue;
        if (!watch(epoll_.get(), accepted.get())) continue;
        connections_.push_back({.fd = std::move(accepted), .received = {}});
    }
}

bool ControlSocket::receive(Connection& connection)
{
    std::array<char, max_request_bytes> buffer;
    const auto length = ::recv(connection.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    if (length == 0) return false;
    connection.received.append(buffer.data(), static_cast<std::size_t>(length));
    return answer_lines(connection) && connection.received.size() < max_request_bytes;
}

bool ControlSocket::answer_lines(Connection& connection)
{
    auto& received = connection.received;
    while (true) {
        const auto end = received.find('\n');
        if (end == std::string::npos) return true;
        const auto reply = handler_(std::string_view{received}.substr(0, end)) + "\n";
        received.erase(0, end + 1);
        // A client that does not read its replies is not waited for.
        const auto sent =
            ::send(connection.fd.get(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(reply.size())) return false;
    }
}

} // namespace braid::lab
