#include "server/visitor.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

/// Hello and, right behind it, the client's first record.
constexpr std::size_t in_room = 4096;

} // namespace

Visitor::Visitor(Loop& loop, Fd fd, Endpoint remote, ServerHandshake handshake, FindClient find,
                 Listener& listener)
    : loop_(loop),
      fd_(std::move(fd)),
      remote_(remote),
      handshake_(std::move(handshake)),
      find_(std::move(find)),
      listener_(listener),
      deadline_(loop, [this] {
          end(fail(std::errc::timed_out, "handshake not finished in time").value());
      })
{
    watch_.emplace(loop_, fd_.get(), [this](Interest) { on_readable(); });
    watch_->want({.readable = true});
    deadline_.once(patience);
}

void Visitor::on_readable()
{
    if (const auto received = receive(); !received) {
        refuse();
        end(received.error());
    }
}

Status Visitor::receive()
{
    const std::size_t used = in_.size();
    in_.resize(in_room);
    const ssize_t n = ::recv(fd_.get(), in_.data() + used, in_.size() - used, 0);
    const int reason = errno;
    in_.resize(used + (n > 0 ? static_cast<std::size_t>(n) : 0));
    errno = reason;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (n < 0) return fail_errno("receive", "");
    if (n == 0) return fail(std::errc::connection_reset, "connection closed before the handshake");

    const auto unit = next_unit(in_);
    if (!unit) return fail(unit.error());
    if (!*unit) return {};
    if ((*unit)->type != UnitType::client_hello)
        return fail(handshake_fault::malformed, "the first message is not a hello");
    if ((*unit)->size > in_.size()) return {};
    const Bytes all{in_};
    return answer(all.first((*unit)->size), all.subspan((*unit)->size));
}

Status Visitor::answer(Bytes hello, Bytes received)
{
    const auto client = handshake_.on_hello(hello, find_);
    if (!client) return fail(client.error());
    std::array<std::byte, server_hello_size> reply{};
    auto keys = handshake_.reply(reply);
    if (!keys) return fail(keys.error());
    // A new connection's send buffer is empty: the reply fits as a whole.
    if (::send(fd_.get(), reply.data(), reply.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(reply.size()))
        return fail_errno("send", "server hello");
    client_ = *client;
    watch_.reset();
    lane_ = std::make_unique<Lane>(
        loop_, std::move(fd_),
        Lane::Keys{RecordSealer{keys->cipher, std::move(keys->server_to_client)},
                   RecordOpener{keys->cipher, std::move(keys->client_to_server)}},
        received, static_cast<Lane::Listener&>(*this));
    return {};
}

Status Visitor::on_packet(const Offload&, Bytes)
{
    return fail(std::errc::protocol_error, "packet before hello");
}

Status Visitor::on_message(const Message& message)
{
    const auto* hello = std::get_if<Hello>(&message);
    if (!hello) return fail(std::errc::protocol_error, "message before hello");
    deadline_.stop();
    // The listener destroys this visitor: nothing of it may be touched afterwards.
    listener_.on_welcome(*this, client_, *hello);
    return {};
}

void Visitor::refuse()
{
    std::array<std::byte, unit_header_size> refused{};
    write_unit_header(refused, UnitType::refused, 0);
    // Best effort: who does not read it learns no more than from the closed connection.
    (void)::send(fd_.get(), refused.data(), refused.size(), MSG_NOSIGNAL);
}

void Visitor::end(const Error& reason)
{
    listener_.on_visit_end(*this, reason);
}

} // namespace braid
