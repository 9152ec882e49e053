/// A netlink socket on libmnl: request and acknowledgement, dumps, multicast.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"

#include <cstdint>
#include <functional>
#include <libmnl/libmnl.h>
#include <memory>
#include <string_view>
#include <vector>

namespace braid {

/// One request under construction: a netlink header, a family header, attributes.
class NetlinkRequest {
public:
    /// `flags` beside NLM_F_REQUEST; NLM_F_ACK is added by Netlink.
    NetlinkRequest(std::uint16_t type, std::uint16_t flags);
    NetlinkRequest(NetlinkRequest&&) noexcept = default;
    NetlinkRequest& operator=(NetlinkRequest&&) noexcept = default;

    /// Appends the zeroed family header (rtmsg, genlmsghdr ...) and yields it for filling.
    template <typename Header>
    Header& header()
    {
        return *static_cast<Header*>(extra(sizeof(Header)));
    }
    void put(std::uint16_t attribute, Bytes value);
    void put_u8(std::uint16_t attribute, std::uint8_t value);
    void put_u16(std::uint16_t attribute, std::uint16_t value);
    void put_u32(std::uint16_t attribute, std::uint32_t value);
    void put_text(std::uint16_t attribute, std::string_view value); ///< with its final zero
    /// Runs `fill`, whose puts land inside the nested attribute.
    void nest(std::uint16_t attribute, const std::function<void()>& fill);

    [[nodiscard]] nlmsghdr* message() noexcept { return message_; }

private:
    void* extra(std::size_t size);
    std::vector<std::byte> buffer_; ///< 4 KiB, more than any request of ours
    nlmsghdr* message_;
};

/// One socket, either for requests or for multicast: a request on a subscribed socket would
/// take notifications of its own effect for replies.
class Netlink {
public:
    using OnMessage = std::function<void(const nlmsghdr&)>;

    /// Opens a socket of a protocol (NETLINK_ROUTE, NETLINK_GENERIC), subscribed to multicast
    /// groups by number.
    [[nodiscard]] static Result<Netlink> open(int protocol,
                                              const std::vector<std::uint32_t>& groups = {});

    /// Sends and waits for the acknowledgement or, of a dump, the end (the kernel answers within
    /// the system call). Then the replies are handed to `on_reply`, which may use this socket;
    /// nothing is handed over when the request failed. A dump that the kernel calls inconsistent
    /// is taken again. The error carries the kernel's extended text where it gives one; `attempt`
    /// names the operation and its object. Further errors: EAGAIN, no answer within 5 s or no
    /// consistent dump; no_buffer_space, an answer beyond 64 MiB.
    [[nodiscard]] Status request(NetlinkRequest& request, std::string_view attempt,
                                 const OnMessage& on_reply = {});

    /// Reads what multicast has to say, without blocking. Error no_buffer_space: messages were
    /// lost, so dump again. `on_message` must not destroy this object.
    [[nodiscard]] Status receive(const OnMessage& on_message);

    [[nodiscard]] int fd() const noexcept;

private:
    struct CloseSocket {
        void operator()(mnl_socket* socket) const noexcept { ::mnl_socket_close(socket); }
    };
    /// What the kernel has said to one request so far.
    struct Answer;

    explicit Netlink(mnl_socket* socket) noexcept : socket_(socket) {}
    [[nodiscard]] Status send(NetlinkRequest& request, std::string_view attempt);
    [[nodiscard]] Status collect(Answer& answer, std::string_view attempt);

    std::unique_ptr<mnl_socket, CloseSocket> socket_;
    std::uint32_t sequence_ = 0;
};

} // namespace braid
