#include "common/admin/systemd.hpp"

#include "common/sys/fd.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>

namespace braid {

void notify_systemd(const std::string& state)
{
    const char* const name = std::getenv("NOTIFY_SOCKET");
    if (name == nullptr) return;
    const std::string_view path{name};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() >= sizeof address.sun_path) return;
    std::ranges::copy(path, address.sun_path);
    if (path.starts_with('@')) address.sun_path[0] = '\0'; // an abstract name
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());

    const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) return;
    ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address), size);
}

} // namespace braid
