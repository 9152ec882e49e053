#include "common/admin/systemd.hpp"
#include "common/sys/fd.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

using namespace braid;

namespace {

/// Listens as systemd does, and yields what arrives.
std::string notified(const std::string& name, const std::string& state)
{
    const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path);
    if (name.starts_with('@')) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify_systemd(state);
    ::unsetenv("NOTIFY_SOCKET");
    std::array<char, 256> message{};
    const auto got = ::recv(socket.get(), message.data(), message.size(), 0);
    return {message.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

} // namespace

TEST_CASE("systemd is told over its socket, a file or an abstract name")
{
    const test::TempFolder folder;
    CHECK(notified((folder / "notify").native(), "READY=1") == "READY=1");
    CHECK(notified("@braid-test-" + std::to_string(::getpid()), "STOPPING=1") == "STOPPING=1");
}

TEST_CASE("without systemd nothing happens")
{
    ::unsetenv("NOTIFY_SOCKET");
    notify_systemd("READY=1");
    ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    notify_systemd("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
}
