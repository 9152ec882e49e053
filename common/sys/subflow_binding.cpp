#include "common/sys/subflow_binding.hpp"

#include "common/base/bytes.hpp"
#include "common/base/time.hpp"
#include "common/sys/mptcp.hpp"
#include "common/sys/mptcp_pm.hpp"

#include <array>
#include <cerrno>
#include <net/if.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

constexpr auto patience = 300ms;
constexpr auto loopback = "lo";

Address loopback_address(std::uint8_t last)
{
    const std::array octets{std::byte{127}, std::byte{0}, std::byte{0}, std::byte{last}};
    return Address::from_bytes(octets);
}

/// Errors: timed_out, the descriptor did not become ready before `end`.
Status await(int fd, short events, TimePoint end)
{
    using Milliseconds = std::chrono::milliseconds;
    const auto left = std::chrono::ceil<Milliseconds>(end - Clock::now());
    pollfd wanted{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&wanted, 1, left > Milliseconds{0} ? narrow<int>(left.count()) : 0);
    if (ready > 0) return {};
    return fail(std::errc::timed_out, "try a subflow on the loopback device");
}

/// Both ends of a connection over lo; the listener stays, as it accepts further subflows.
struct SelfConnection {
    Fd listener;
    Fd client;
    Fd server;
    Endpoint remote; ///< of the listener
};

Result<Endpoint> name_of(int fd)
{
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) < 0)
        return fail_errno("getsockname", "");
    return Endpoint::from_sockaddr(name);
}

Result<SelfConnection> connect_to_self(TimePoint end)
{
    auto listener = mptcp::listen({loopback_address(1), 0});
    if (!listener) return fail(listener.error());
    const auto remote = name_of(listener->get());
    if (!remote) return fail(remote.error());
    auto client = mptcp::connect({.interface = loopback, .remote = *remote});
    if (!client) return fail(client.error());
    const auto connected =
        await(client->get(), POLLOUT, end)
            .and_then([&] { return mptcp::connect_result(client->get(), remote->text()); })
            .and_then([&] { return await(listener->get(), POLLIN, end); });
    if (!connected) return fail(connected.error());
    auto accepted = mptcp::accept(listener->get());
    if (!accepted) return fail(accepted.error());
    if (!*accepted) return fail(std::errc::connection_aborted, "accept on the loopback device");
    return SelfConnection{std::move(*listener), std::move(*client), std::move((*accepted)->fd),
                          *remote};
}

/// The kernel takes further subflows once data has gone both ways (RFC 8684 3.1).
Status send_byte(int from, int to, TimePoint end)
{
    char byte = 0;
    if (::send(from, &byte, sizeof byte, MSG_NOSIGNAL) < 0) return fail_errno("send", "to self");
    if (auto came = await(to, POLLIN, end); !came) return came;
    if (::recv(to, &byte, sizeof byte, 0) < 0) return fail_errno("receive", "from self");
    return {};
}

/// What the first event about the subflow tells, be it that it lives or that it was refused.
Result<SubflowBinding> binding_told(MptcpPm& pm, std::uint32_t token, const Address& local,
                                    TimePoint end)
{
    std::optional<SubflowBinding> told;
    while (!told) {
        if (const auto came = await(pm.events_fd(), POLLIN, end); !came) return fail(came.error());
        const auto received = pm.receive([&](const MptcpEvent& event) {
            if (event.token != token || !event.local || event.local->address != local) return;
            told = event.interface_index != 0 ? SubflowBinding::honoured : SubflowBinding::ignored;
        });
        if (!received) return fail(received.error());
    }
    return *told;
}

} // namespace

Result<SubflowBinding> try_subflow_binding()
{
    const TimePoint end = Clock::now() + patience;
    auto pm = MptcpPm::open();
    if (!pm) return fail(pm.error());
    const auto self = connect_to_self(end);
    if (!self) return fail(self.error());
    if (!mptcp::is_mptcp(self->client.get()))
        return fail(std::errc::not_supported, "MPTCP on the loopback device");
    const auto token = mptcp::token(self->client.get());
    if (!token) return fail(token.error());
    const auto talked = send_byte(self->client.get(), self->server.get(), end).and_then([&] {
        return send_byte(self->server.get(), self->client.get(), end);
    });
    if (!talked) return fail(talked.error());

    const Address local = loopback_address(2);
    const auto created =
        pm->create_subflow({.token = *token,
                            .local_id = 1,
                            .local = local,
                            .interface_index = static_cast<int>(::if_nametoindex(loopback)),
                            .remote = self->remote});
    if (!created) return fail(created.error());
    return binding_told(*pm, *token, local, end);
}

} // namespace braid
