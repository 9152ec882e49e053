#include "common/session/lane.hpp"

#include "common/session/lane_socket.hpp"
#include "common/sys/mptcp.hpp"

#include <algorithm>
#include <cerrno>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

constexpr int receives_per_turn = 4;
/// Handled at one go, then other descriptors get their turn: a peer that sends tiny packets as fast
/// as it can must not hold the loop for longer than some hundred microseconds.
constexpr std::size_t frames_per_turn = 64;
constexpr auto gate_poll = 1ms;
/// What has come of a record wakes the loop when so much is there, or the rest of it: the peer of a
/// slow link is heard of often enough for FreezeWatch, every 1.5 s at 22 kbit/s.
constexpr std::size_t most_at_once = std::size_t{4} * 1024;

} // namespace

Lane::Keys Lane::Keys::of_client(Cipher cipher, AeadMaker maker, LaneSecrets secrets)
{
    return {RecordSealer{cipher, std::move(secrets.client_to_server), {}, maker},
            RecordOpener{cipher, std::move(secrets.server_to_client), {}, maker}};
}

Lane::Keys Lane::Keys::of_server(Cipher cipher, AeadMaker maker, LaneSecrets secrets)
{
    return {RecordSealer{cipher, std::move(secrets.server_to_client), {}, maker},
            RecordOpener{cipher, std::move(secrets.client_to_server), {}, maker}};
}

Lane::Counters& Lane::Counters::operator+=(const Counters& other) noexcept
{
    packets_sent += other.packets_sent;
    packets_received += other.packets_received;
    bytes_sent += other.bytes_sent;
    bytes_received += other.bytes_received;
    return *this;
}

Lane::Lane(Loop& loop, Fd fd, Keys keys, Bytes received, Listener& listener)
    : loop_(loop),
      fd_(std::move(fd)),
      listener_(listener),
      sender_(std::move(keys.sealer), line_, loop.now()),
      receiver_(std::move(keys.opener), received, line_),
      line_(keys.workers, *this),
      heard_at_(loop.now()),
      watch_(loop, fd_.get(), [this](Interest ready) { on_ready(ready); }),
      gate_timer_(loop,
                  [this] {
                      if (packets_wait_ && gate_open()) listener_.on_sendable();
                  }),
      alive_timer_(loop, [this] { on_alive_timer(); }),
      backlog_(loop,
               [this] {
                   heard_at_ = loop_.now();
                   (void)handle_received();
               }),
      end_timer_(loop, [this] { (void)end(*fault_); })
{
    if (!received.empty()) backlog_.want();
    lane_socket::prepare(fd_.get());
    alive_timer_.every(ping_after);
    update_interest();
}

void Lane::on_ready(Interest ready)
{
    if (ready.readable && !receive()) return;
    if (!ready.writable) return;
    flush();
    answer_ping();
    if (packets_wait_ && sender_.ready()) listener_.on_sendable();
}

bool Lane::receive()
{
    for (int i = 0; i < receives_per_turn && !has_backlog() && !deaf_; ++i) {
        const MutBytes room = receiver_.room();
        if (room.empty()) return true;
        const ssize_t n = ::recv(fd_.get(), room.data(), room.size(), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (n < 0)
            deaf_ = fail_errno("receive", "from peer").value();
        else if (n == 0)
            deaf_ = fail(std::errc::connection_reset, "the peer closed the connection").value();
        else
            heard_at_ = loop_.now();
        if (n > 0) receiver_.received(static_cast<std::size_t>(n));
        if (!handle_received()) return false;
        if (static_cast<std::size_t>(n) < room.size()) return true;
    }
    return true;
}

bool Lane::handle_received()
{
    std::size_t left = frames_per_turn;
    while (left > 0) {
        const auto found = receiver_.open_next();
        if (!found) return end(found.error());
        if (!*found) break;
        const auto frame = receiver_.next_frame();
        if (!frame) return end(frame.error());
        --left; // for the end of a record too: it may be empty
        if (!*frame) continue;
        if (const auto handled = handle_frame(**frame); !handled) return end(handled.error());
    }
    answer_ping();
    if (left == 0)
        backlog_.want(); // reads on when this is done
    else if (deaf_ && !receiver_.busy())
        return end(*deaf_);
    else
        receiver_.compact();
    update_interest();
    return true;
}

void Lane::on_work_done()
{
    if (fault_) return;
    flush();
    if (!has_backlog() && !handle_received()) return;
    if (packets_wait_ && sender_.ready()) listener_.on_sendable();
}

Status Lane::handle_frame(const Frame& frame)
{
    if (frame.kind == FrameKind::packet) {
        ++counters_.packets_received;
        counters_.bytes_received += frame.payload.size();
        return listener_.on_packet(frame.offload, frame.payload);
    }
    const auto message = decode_message(frame.payload);
    if (!message) return fail(message.error());
    return *message ? handle_message(**message) : Status{};
}

Status Lane::handle_message(const Message& message)
{
    if (const auto* ping = std::get_if<Ping>(&message)) {
        owed_pong_ = Pong{ping->number};
        return {};
    }
    if (const auto* pong = std::get_if<Pong>(&message)) {
        if (pong->number == ping_number_) rtt_ = loop_.now() - ping_sent_at_;
        return {};
    }
    return listener_.on_message(message);
}

void Lane::answer_ping()
{
    // One answer to all pings that came together, or while the peer does not read: it must not get
    // more out of this end than it sends, nor a system call for each.
    if (sender_.blocked()) return;
    if (const auto pong = std::exchange(owed_pong_, std::nullopt)) send_message(*pong);
}

void Lane::on_alive_timer()
{
    const Duration silent = loop_.now() - heard_at_;
    if (silent >= dead_after && !held_) {
        (void)end(fail(std::errc::timed_out,
                       "the peer has been silent for " + std::to_string(dead_after.count()) + " s")
                      .value());
        return;
    }
    if (silent < ping_after) return;
    if (resting_) {
        (void)end(fail(std::errc::connection_aborted, "a newer lane has taken over").value());
        return;
    }
    ping();
}

void Lane::ping()
{
    ping_sent_at_ = loop_.now();
    send_message(Ping{++ping_number_});
}

bool Lane::end(Error reason)
{
    watch_.want({});
    gate_timer_.stop();
    alive_timer_.stop();
    backlog_.stop();
    end_timer_.stop();
    fault_ = reason; // nothing is sent any more
    line_.cancel();
    listener_.on_lane_end(*this, reason);
    return false;
}

void Lane::send_packets(FairQueue& queue)
{
    resting_ = false; // those that took over have ended before it
    while (!queue.empty() && !held_ && !fault_ && sender_.ready() && gate_open()) {
        const auto sealed = sender_.seal_packets(queue, loop_.now());
        if (!sealed) {
            fail_later(sealed.error());
            break;
        }
        counters_.packets_sent += sealed->packets;
        counters_.bytes_sent += sealed->bytes;
        flush();
    }
    packets_wait_ = !queue.empty();
    poll_gate();
}

void Lane::rest()
{
    resting_ = true;
    packets_wait_ = false;
    gate_timer_.stop();
}

void Lane::hold()
{
    if (held_ || fault_) return;
    held_ = true;
    gate_timer_.stop();
    update_interest();
}

void Lane::release()
{
    if (!held_ || fault_) return;
    held_ = false;
    heard_at_ = loop_.now();
    poll_gate();
    update_interest();
}

bool Lane::gate_open()
{
    SendGate& gate = sender_.gate();
    if (gate.surely_open()) return true;
    const auto unsent = mptcp::unsent(fd_.get());
    if (!unsent) return true;
    gate.found(*unsent);
    return gate.open(*unsent);
}

void Lane::send_message(const Message& message)
{
    const auto payload = encode_message(message);
    const auto header = message_frame_header(narrow<std::uint16_t>(payload.size()));
    if (fault_) return;
    const auto sealed = sender_.seal_message(header, payload, loop_.now());
    if (!sealed) return fail_later(sealed.error());
    flush();
    // What the packets waited for may have gone with it: then nothing else tells of it.
    poll_gate();
}

void Lane::poll_gate()
{
    if (packets_wait_ && !held_ && !fault_ && sender_.ready()) {
        if (!gate_timer_.pending()) gate_timer_.every(gate_poll);
    } else {
        gate_timer_.stop();
    }
}

void Lane::close(CloseReason reason)
{
    line_.finish(); // the stream ends here: what other threads seal goes first
    send_message(Close{reason});
    ::shutdown(fd_.get(), SHUT_WR);
}

void Lane::abort()
{
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Lane::flush()
{
    if (const auto sent = sender_.flush(fd_.get(), loop_.now()); !sent)
        return fail_later(sent.error());
    update_interest();
}

void Lane::fail_later(Error reason)
{
    if (fault_) return;
    fault_ = std::move(reason);
    line_.cancel();
    sender_.clear();
    end_timer_.once(0ms);
}

void Lane::wake_for(std::size_t bytes)
{
    if (std::exchange(wakes_for_, bytes) != bytes) lane_socket::wake_for(fd_.get(), bytes);
}

void Lane::update_interest()
{
    const bool readable = !has_backlog() && !held_ && !deaf_ && !receiver_.room().empty();
    watch_.want({.readable = readable, .writable = sender_.blocked()});
    wake_for(std::min(receiver_.missing(), most_at_once));
}

} // namespace braid
