#include "client/attempt.hpp"

#include "common/sys/mptcp.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t reply_room = 4096; ///< more than any answer and what may follow it

Result<Endpoint> local_endpoint(int fd)
{
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) < 0)
        return fail_errno("getsockname", "connection to server");
    return Endpoint::from_sockaddr(name);
}

} // namespace

Attempt::Attempt(Loop& loop, Target target, MakeOpening make_opening, OnDone on_done)
    : loop_(loop),
      target_(std::move(target)),
      make_opening_(std::move(make_opening)),
      on_done_(std::move(on_done)),
      deadline_(loop, [this] {
          if (early_)
              finish(fail(*early_));
          else
              finish(fail(std::errc::timed_out, "no answer from " + target_.remote.text() +
                                                    " over " + target_.interface));
      })
{
}

void Attempt::start()
{
    auto fd = mptcp::connect({.interface = target_.interface, .remote = target_.remote});
    if (!fd) {
        early_ = fd.error();
        deadline_.once(0ms);
        return;
    }
    fd_ = std::move(*fd);
    watch_.emplace(loop_, fd_.get(), [this](Interest ready) { on_ready(ready); });
    watch_->want({.writable = true});
    started_at_ = loop_.now();
    deadline_.once(patience);
}

std::optional<Address> Attempt::source() const
{
    const auto local = fd_ ? local_endpoint(fd_.get()) : fail(std::errc::not_connected, "");
    return local ? std::optional{local->address} : std::nullopt;
}

void Attempt::on_ready(Interest)
{
    if (!opening_) {
        if (const auto sent = send_opening(); !sent) return finish(fail(sent.error()));
        watch_->want({.readable = true});
        deadline_.once(answer_patience(loop_.now() - started_at_));
        return;
    }
    auto reply = receive_reply();
    if (!reply) return finish(fail(reply.error()));
    if (*reply) finish(std::move(**reply));
}

Status Attempt::send_opening()
{
    const std::string object = target_.remote.text() + " over " + target_.interface;
    if (auto connected = mptcp::connect_result(fd_.get(), object); !connected) return connected;
    opening_.emplace(make_opening_());
    std::array<std::byte, Opening::max_size> unit{};
    const auto size = opening_->start(unit);
    if (!size) return fail(size.error());
    // A new connection's send buffer is empty: the unit fits as a whole.
    if (::send(fd_.get(), unit.data(), *size, MSG_NOSIGNAL) != static_cast<ssize_t>(*size))
        return fail_errno("send hello to", object);
    return {};
}

Result<std::optional<Connected>> Attempt::receive_reply()
{
    const std::size_t used = in_.size();
    in_.resize(reply_room);
    const ssize_t n = ::recv(fd_.get(), in_.data() + used, in_.size() - used, 0);
    in_.resize(used + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (n < 0) return fail_errno("receive from", target_.remote.text());
    if (n == 0)
        return fail(std::errc::connection_reset, target_.remote.text() + " closed the connection");

    const auto unit = next_unit(in_);
    if (!unit) return fail(unit.error());
    if (!*unit || (*unit)->size > in_.size()) return std::nullopt;
    if ((*unit)->type == UnitType::refused) return fail(opening_->refusal(target_.remote.text()));
    auto opened = opening_->on_reply(Bytes{in_}.first((*unit)->size));
    if (!opened) return fail(opened.error());
    const auto local = local_endpoint(fd_.get());
    if (!local) return fail(local.error());
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>((*unit)->size));
    return Connected{.fd = std::move(fd_),
                     .target = target_,
                     .local = *local,
                     .opened = std::move(*opened),
                     .received = std::move(in_)};
}

void Attempt::finish(Result<Connected> outcome)
{
    watch_.reset();
    deadline_.stop();
    // Moved out first: the owner may destroy this object, and the function with it, in the call.
    const OnDone done = std::move(on_done_);
    done(*this, std::move(outcome));
}

} // namespace braid
