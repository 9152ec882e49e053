#include "server/visitor.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

void refuse(const Fd& fd)
{
    std::array<std::byte, unit_header_size> refused{};
    write_unit_header(refused, UnitType::refused, 0);
    // Best effort: who does not read it learns no more than from the closed connection.
    (void)::send(fd.get(), refused.data(), refused.size(), MSG_NOSIGNAL);
}

} // namespace

Visitor::Visitor(Loop& loop, Fd fd, Endpoint remote, const PrivateKey& own, Listener& listener)
    : fd_(std::move(fd)),
      remote_(remote),
      listener_(listener),
      reception_(own, static_cast<Reception::Host&>(*this)),
      deadline_(loop, [this] {
          listener_.on_visit_end(
              *this, fail(std::errc::timed_out, "handshake not finished in time").value());
      })
{
    watch_.emplace(loop, fd_.get(), [this](Interest) { on_readable(); });
    watch_->want({.readable = true});
    deadline_.once(patience);
}

void Visitor::on_readable()
{
    auto going_on = receive().and_then([this] { return handle_received(); });
    if (going_on) return;
    const auto& code = going_on.error().code;
    if (code != Reception::busy && code != std::errc::connection_aborted) refuse(fd_);
    listener_.on_visit_end(*this, going_on.error());
}

Status Visitor::receive()
{
    const std::size_t used = in_.size();
    in_.resize(Reception::room);
    const ssize_t n = ::recv(fd_.get(), in_.data() + used, in_.size() - used, 0);
    const int reason = errno;
    in_.resize(used + (n > 0 ? static_cast<std::size_t>(n) : 0));
    errno = reason;
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return {};
    if (keys_known())
        return fail(std::errc::connection_aborted,
                    "left without confirming: its preshared key is another one, another of its "
                    "connections was faster, or it was a replay");
    if (n < 0) return fail_errno("receive", "");
    return fail(std::errc::connection_reset, "connection closed before the handshake");
}

Result<bool> Visitor::handle_received()
{
    std::size_t at = 0;
    while (true) {
        auto step = reception_.take(MutBytes{in_}.subspan(at));
        if (!step) return fail(step.error());
        at += step->taken;
        if (step->admission) {
            // The listener destroys this visitor: nothing of it may be touched afterwards.
            watch_.reset();
            listener_.on_admission(*this, std::move(*step->admission), std::move(fd_),
                                   Bytes{in_}.subspan(at));
            return false;
        }
        if (step->taken == 0) break;
        if (const auto sent = send(step->reply); !sent) return fail(sent.error());
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
}

Status Visitor::send(Bytes reply) const
{
    // A new connection's send buffer is empty: the reply fits as a whole.
    const auto size = static_cast<ssize_t>(reply.size());
    if (::send(fd_.get(), reply.data(), reply.size(), MSG_NOSIGNAL) != size)
        return fail_errno("send", "answer");
    return {};
}

} // namespace braid
