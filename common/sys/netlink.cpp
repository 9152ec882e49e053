#include "common/sys/netlink.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <array>
#include <cassert>
#include <cerrno>
#include <linux/netlink.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>

namespace braid {
namespace {

constexpr std::size_t request_size = 4096;
constexpr std::size_t receive_size = 32768; ///< the most that the kernel puts in a datagram
constexpr std::size_t answer_limit = std::size_t{64} << 20; ///< two full Internet tables
constexpr int dump_tries = 10;
constexpr int receive_batch = 64; ///< datagrams of one receive(), so that others get a turn
constexpr timeval answer_timeout{.tv_sec = 5, .tv_usec = 0};

std::size_t aligned(std::size_t size) noexcept
{
    return (size + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
}

/// A buffer that messages may be read from in place.
struct Datagram {
    alignas(nlmsghdr) std::array<std::byte, receive_size> buffer;
    std::size_t size = 0;
};

/// Reads one datagram of the kernel's; false, and errno set, when there is none.
bool read_datagram(int fd, Datagram& datagram, int flags)
{
    for (;;) {
        sockaddr_nl from{};
        iovec into{.iov_base = datagram.buffer.data(), .iov_len = datagram.buffer.size()};
        msghdr header{};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &into;
        header.msg_iovlen = 1;
        const auto size = ::recvmsg(fd, &header, flags);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return false;
        if (from.nl_pid != 0) continue; // Another process, not the kernel.
        if ((header.msg_flags & MSG_TRUNC) != 0) {
            errno = ENOBUFS;
            return false;
        }
        datagram.size = static_cast<std::size_t>(size);
        return true;
    }
}

/// Calls `on_message` for each message of a datagram until it yields false.
template <typename OnEach>
void for_each_message(const Datagram& datagram, OnEach on_message)
{
    const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(&datagram.buffer));
    int left = narrow<int>(datagram.size);
    while (::mnl_nlmsg_ok(message, left) && on_message(*message))
        message = ::mnl_nlmsg_next(message, &left);
}

/// The kernel's own words in an NLMSG_ERROR or NLMSG_DONE (extended acknowledgement), if any.
template <typename Header>
std::string_view extended_text(const nlmsghdr& message)
{
    std::string_view text;
    if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return text;
    for_each_attribute<Header>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == NLMSGERR_ATTR_MSG) text = attribute.text();
    });
    return text;
}

tl::unexpected<Error> kernel_error(int code, std::string_view text, std::string_view attempt)
{
    errno = code;
    auto error = fail_errno(attempt, "");
    if (!text.empty()) error.value().what.append(": ").append(text);
    return error;
}

} // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags)
    : buffer_(request_size), message_(::mnl_nlmsg_put_header(buffer_.data()))
{
    message_->nlmsg_type = type;
    message_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

void* NetlinkRequest::extra(std::size_t size)
{
    assert(message_->nlmsg_len + aligned(size) <= buffer_.size());
    return ::mnl_nlmsg_put_extra_header(message_, size);
}

void NetlinkRequest::put(std::uint16_t attribute, Bytes value)
{
    [[maybe_unused]] const bool fits =
        ::mnl_attr_put_check(message_, buffer_.size(), attribute, value.size(), value.data());
    assert(fits);
}

void NetlinkRequest::put_u8(std::uint16_t attribute, std::uint8_t value)
{
    put(attribute, std::as_bytes(std::span{&value, 1}));
}

void NetlinkRequest::put_u16(std::uint16_t attribute, std::uint16_t value)
{
    put(attribute, std::as_bytes(std::span{&value, 1}));
}

void NetlinkRequest::put_u32(std::uint16_t attribute, std::uint32_t value)
{
    put(attribute, std::as_bytes(std::span{&value, 1}));
}

void NetlinkRequest::put_text(std::uint16_t attribute, std::string_view value)
{
    put(attribute, as_bytes(std::string{value}.append(1, '\0')));
}

void NetlinkRequest::nest(std::uint16_t attribute, const std::function<void()>& fill)
{
    nlattr* const start = ::mnl_attr_nest_start_check(message_, buffer_.size(), attribute);
    assert(start != nullptr);
    fill();
    ::mnl_attr_nest_end(message_, start);
}

struct Netlink::Answer {
    std::vector<std::byte> replies; ///< whole messages, each padded to its alignment
    bool finished = false;
    bool interrupted = false; ///< the table changed during the dump
    std::optional<int> error; ///< errno
    std::string text;         ///< of the error

    void take(const nlmsghdr& message)
    {
        interrupted = interrupted || (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message.nlmsg_type == NLMSG_ERROR) return finish<nlmsgerr>(message);
        if (message.nlmsg_type == NLMSG_DONE) return finish<int>(message);
        if (message.nlmsg_type < NLMSG_MIN_TYPE) return;
        const auto* const from = static_cast<const std::byte*>(static_cast<const void*>(&message));
        replies.insert(replies.end(), from, from + message.nlmsg_len);
        replies.resize(aligned(replies.size()));
    }

    /// Both kinds of end start with a negative errno or zero.
    template <typename Header>
    void finish(const nlmsghdr& message)
    {
        finished = true;
        const int status = netlink_header<int>(message).value_or(0);
        if (status == 0) return;
        error = -status;
        text = extended_text<Header>(message);
    }
};

Result<Netlink> Netlink::open(int protocol, const std::vector<std::uint32_t>& groups)
{
    Netlink netlink{::mnl_socket_open2(protocol, SOCK_CLOEXEC)};
    if (!netlink.socket_) return fail_errno("open", "netlink socket");
    mnl_socket* const socket = netlink.socket_.get();
    if (::mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return fail_errno("bind", "netlink socket");

    // Comforts that old kernels lack: error texts without the request echoed, filtered dumps.
    int on = 1;
    for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
        ::setsockopt(netlink.fd(), SOL_NETLINK, option, &on, sizeof on);
    ::setsockopt(netlink.fd(), SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof answer_timeout);

    for (std::uint32_t group : groups) {
        if (::setsockopt(netlink.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) <
            0)
            return fail_errno("join netlink group", std::to_string(group));
    }
    return netlink;
}

Status Netlink::request(NetlinkRequest& request, std::string_view attempt,
                        const OnMessage& on_reply)
{
    for (int i = 0; i < dump_tries; ++i) {
        if (auto sent = send(request, attempt); !sent) return sent;
        Answer answer;
        if (auto collected = collect(answer, attempt); !collected) return collected;
        if (answer.error) return kernel_error(*answer.error, answer.text, attempt);
        if (answer.interrupted) continue;
        if (!on_reply) return {};
        for (std::size_t at = 0; at < answer.replies.size();) {
            const auto* const message =
                static_cast<const nlmsghdr*>(static_cast<const void*>(&answer.replies[at]));
            at += aligned(message->nlmsg_len);
            on_reply(*message);
        }
        return {};
    }
    return kernel_error(EAGAIN, "the table keeps changing", attempt);
}

Status Netlink::send(NetlinkRequest& request, std::string_view attempt)
{
    nlmsghdr* const message = request.message();
    message->nlmsg_flags |= NLM_F_ACK;
    message->nlmsg_seq = ++sequence_;
    if (::mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0)
        return fail_errno(attempt, "");
    return {};
}

Status Netlink::collect(Answer& answer, std::string_view attempt)
{
    Datagram datagram;
    const std::uint32_t own_port = ::mnl_socket_get_portid(socket_.get());
    while (!answer.finished) {
        if (!read_datagram(fd(), datagram, 0)) return fail_errno(attempt, "");
        for_each_message(datagram, [&](const nlmsghdr& message) {
            // Others belong to a request that was given up.
            if (message.nlmsg_seq == sequence_ && message.nlmsg_pid == own_port)
                answer.take(message);
            return !answer.finished;
        });
        if (answer.replies.size() > answer_limit)
            return kernel_error(ENOBUFS, "too long an answer", attempt);
    }
    return {};
}

Status Netlink::receive(const OnMessage& on_message)
{
    Datagram datagram;
    for (int i = 0; i < receive_batch; ++i) {
        if (!read_datagram(fd(), datagram, MSG_DONTWAIT)) {
            if (errno == EAGAIN) return {};
            return fail_errno("receive", "netlink messages");
        }
        for_each_message(datagram, [&](const nlmsghdr& message) {
            if (message.nlmsg_type >= NLMSG_MIN_TYPE) on_message(message);
            return true;
        });
    }
    return {};
}

int Netlink::fd() const noexcept
{
    return ::mnl_socket_get_fd(socket_.get());
}

} // namespace braid
