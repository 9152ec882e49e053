#include "common/session/lane.hpp"

#include "common/session/lane_socket.hpp"
#include "common/sys/mptcp.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t in_room = 512 * 1024;
constexpr std::size_t message_room = 16 * 1024; ///< for messages behind an unsent record
constexpr std::size_t out_room = max_unit_size + message_room;
// A record closes at or after its target, by one packet of 64 KiB at most: within
// max_record_plaintext.
constexpr std::size_t bulk_record = 60 * 1024;
constexpr std::size_t shaped_record = 8 * 1024;
constexpr std::size_t packets_per_record = 128;
constexpr int receives_per_turn = 4;
/// Handled at one go, then other descriptors get their turn: a peer that sends tiny packets as fast
/// as it can must not hold the loop for longer than some hundred microseconds.
constexpr std::size_t frames_per_turn = 64;
constexpr auto gate_poll = 1ms;

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
      keys_(std::move(keys)),
      listener_(listener),
      in_(in_room),
      out_(out_room),
      keyed_at_(loop.now()),
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
                   if (handle_received()) update_interest();
               }),
      end_timer_(loop, [this] { (void)end(*fault_); })
{
    assert(received.size() <= in_.size());
    std::ranges::copy(received, in_.begin());
    in_used_ = received.size();
    if (in_used_ > 0) backlog_.want();
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
    if (out_used_ == 0 && packets_wait_) listener_.on_sendable();
}

bool Lane::receive()
{
    for (int i = 0; i < receives_per_turn && !has_backlog(); ++i) {
        const MutBytes room = MutBytes{in_}.subspan(in_used_);
        const ssize_t n = ::recv(fd_.get(), room.data(), room.size(), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (n < 0) return end(fail_errno("receive", "from peer").value());
        if (n == 0)
            return end(fail(std::errc::connection_reset, "the peer closed the connection").value());
        heard_at_ = loop_.now();
        in_used_ += static_cast<std::size_t>(n);
        if (!handle_received()) return false;
        if (static_cast<std::size_t>(n) < room.size()) return true;
    }
    return true;
}

bool Lane::handle_received()
{
    std::size_t left = frames_per_turn;
    while (left > 0) {
        if (!frames_) {
            const auto opened = open_next();
            if (!opened) return end(opened.error());
            if (!*opened) break;
        }
        const auto frame = frames_->next();
        if (!frame) return end(frame.error());
        --left; // for the end of a record too: it may be empty
        if (!*frame)
            frames_.reset();
        else if (const auto handled = handle_frame(**frame); !handled)
            return end(handled.error());
    }
    answer_ping();
    if (left > 0) {
        compact();
        return true;
    }
    backlog_.want();
    update_interest(); // reads on when this is done
    return true;
}

Result<bool> Lane::open_next()
{
    const MutBytes rest = MutBytes{in_}.subspan(in_handled_, in_used_ - in_handled_);
    const auto unit = next_unit(rest);
    if (!unit) return fail(unit.error());
    if (!*unit || (*unit)->size > rest.size()) return false;
    const auto plaintext = keys_.opener.open(rest.first((*unit)->size));
    if (!plaintext) return fail(plaintext.error());
    in_handled_ += (*unit)->size;
    frames_.emplace(*plaintext);
    return true;
}

void Lane::compact()
{
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(in_handled_),
              in_.begin() + static_cast<std::ptrdiff_t>(in_used_), in_.begin());
    in_used_ -= in_handled_;
    in_handled_ = 0;
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
    if (out_used_ > 0) return;
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
    listener_.on_lane_end(*this, reason);
    return false;
}

void Lane::send_packets(FairQueue& queue)
{
    resting_ = false; // those that took over have ended before it
    while (!queue.empty() && !held_ && !fault_ && out_used_ == 0 && gate_open() &&
           seal_packets(queue))
        flush();
    packets_wait_ = !queue.empty();
    if (packets_wait_ && out_used_ == 0 && !held_ && !fault_) {
        if (!gate_timer_.pending()) gate_timer_.every(gate_poll);
    } else {
        gate_timer_.stop();
    }
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
    if (packets_wait_) gate_timer_.every(gate_poll);
    update_interest();
}

bool Lane::gate_open()
{
    if (gate_.surely_open()) return true;
    const auto unsent = mptcp::unsent(fd_.get());
    if (!unsent) return true;
    gate_.found(*unsent);
    return gate_.open(*unsent);
}

bool Lane::seal_packets(FairQueue& queue)
{
    const std::size_t target = gate_.bulk() ? bulk_record : shaped_record;
    std::array<FrameHeader, packets_per_record> headers;
    std::array<PacketBuffer, packets_per_record> packets;
    std::array<Bytes, 2 * packets_per_record> segments;
    std::size_t count = 0;
    std::size_t size = 0;
    while (count < packets_per_record && size < target && !queue.empty()) {
        auto packet = queue.pop();
        headers[count] =
            packet_frame_header(packet->offload, narrow<std::uint16_t>(packet->buffer.size()));
        packets[count] = std::move(packet->buffer);
        segments[2 * count] = headers[count];
        segments[2 * count + 1] = packets[count].bytes();
        size += frame_header_size + packets[count].size();
        counters_.bytes_sent += packets[count].size();
        ++count;
    }
    counters_.packets_sent += count;
    return seal(std::span{segments}.first(2 * count));
}

void Lane::send_message(const Message& message)
{
    const auto payload = encode_message(message);
    const auto header = message_frame_header(narrow<std::uint16_t>(payload.size()));
    const std::array<Bytes, 2> segments{Bytes{header}, Bytes{payload}};
    if (seal(segments)) flush();
}

void Lane::close(CloseReason reason)
{
    send_message(Close{reason});
    ::shutdown(fd_.get(), SHUT_WR);
}

void Lane::abort()
{
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool Lane::seal(std::span<const Bytes> segments)
{
    if (fault_) return false;
    std::size_t needed = keys_.sealer.overhead();
    for (const Bytes segment : segments) needed += segment.size();
    if (needed > out_.size() - out_used_) {
        fail_later(
            fail(std::errc::no_buffer_space, "the peer does not read what it asks for").value());
        return false;
    }
    rekey_when_due();
    const auto size = keys_.sealer.seal(segments, MutBytes{out_}.subspan(out_used_));
    if (!size) {
        fail_later(size.error());
        return false;
    }
    out_used_ += *size;
    return true;
}

void Lane::rekey_when_due()
{
    const TimePoint now = loop_.now();
    if (!keys_.sealer.should_rekey() && now - keyed_at_ < rekey_after) return;
    keys_.sealer.rekey();
    keyed_at_ = now;
}

void Lane::flush()
{
    while (out_sent_ < out_used_) {
        const Bytes rest = Bytes{out_}.subspan(out_sent_, out_used_ - out_sent_);
        const ssize_t n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) return fail_later(fail_errno("send", "to peer").value());
        gate_.sent(static_cast<std::size_t>(n), loop_.now());
        out_sent_ += static_cast<std::size_t>(n);
    }
    if (out_sent_ == out_used_) out_sent_ = out_used_ = 0;
    update_interest();
}

void Lane::fail_later(Error reason)
{
    if (fault_) return;
    fault_ = std::move(reason);
    out_sent_ = out_used_ = 0;
    end_timer_.once(0ms);
}

void Lane::update_interest()
{
    watch_.want({.readable = !has_backlog() && !held_, .writable = out_used_ > 0});
}

} // namespace braid
