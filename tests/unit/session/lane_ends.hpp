/// Both ends of a lane for tests: a socket pair, keys that are always the same, a listener that
/// keeps what it hears, and a peer that can also say what no Lane would.
#pragma once

#include "common/session/lane.hpp"
#include "tests/unit/netns.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <functional>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace braid::test {

using Buffer = std::vector<std::byte>;

constexpr auto patience = 5s; ///< of a test that waits for what comes at once

struct StreamPair {
    Fd here;
    Fd there;

    StreamPair()
    {
        std::array<int, 2> fds{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) ==
                0);
        here.reset(fds[0]);
        there.reset(fds[1]);
    }
};

inline Secret<32> fixed_secret(std::uint8_t fill)
{
    Secret<32> secret;
    std::ranges::fill(secret.mutable_bytes(), std::byte{fill});
    return secret;
}

inline RecordSealer fixed_sealer(std::uint8_t fill)
{
    return {Cipher::chacha20_poly1305, fixed_secret(fill)};
}

inline RecordOpener fixed_opener(std::uint8_t fill)
{
    return {Cipher::chacha20_poly1305, fixed_secret(fill)};
}

/// The keys of the end "here"; of the end "there" the other way round.
inline Lane::Keys keys_here()
{
    return {fixed_sealer(1), fixed_opener(2)};
}
inline Lane::Keys keys_there()
{
    return {fixed_sealer(2), fixed_opener(1)};
}

inline Buffer operator+(const Buffer& left, const Buffer& right)
{
    // By hand: of insert() GCC 12 warns wrongly in some places (-Warray-bounds).
    Buffer joined(left.size() + right.size());
    if (!left.empty()) std::memcpy(joined.data(), left.data(), left.size());
    if (!right.empty()) std::memcpy(joined.data() + left.size(), right.data(), right.size());
    return joined;
}

/// Bytes that tell `number` and the place.
inline Buffer pattern(std::size_t number, std::size_t size)
{
    Buffer bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>((number * 31 + i) & 0xff);
    return bytes;
}

inline QueuedPacket queued(PacketPool& pool, Bytes bytes, Offload offload = {}, FlowHash flow = 0)
{
    PacketBuffer buffer = pool.large();
    std::ranges::copy(bytes, buffer.room().begin());
    buffer.set(0, bytes.size());
    return {.buffer = pool.shrink(std::move(buffer)),
            .offload = offload,
            .flow = flow,
            .queued_at = {}};
}

inline Buffer packet_frame(Bytes packet, const Offload& offload = {})
{
    const auto header = packet_frame_header(offload, narrow<std::uint16_t>(packet.size()));
    return Buffer(header.begin(), header.end()) + Buffer(packet.begin(), packet.end());
}

inline Buffer message_frame(const Message& message)
{
    const auto payload = encode_message(message);
    const auto header = message_frame_header(narrow<std::uint16_t>(payload.size()));
    return Buffer(header.begin(), header.end()) + payload;
}

inline Buffer seal(RecordSealer& sealer, Bytes plaintext)
{
    Buffer record(plaintext.size() + sealer.overhead());
    const std::array segments{plaintext};
    REQUIRE(sealer.seal(segments, record));
    return record;
}

/// Keeps what a lane reports. Nothing may come after its end.
struct Recorder : Lane::Listener {
    struct Packet {
        Offload offload;
        Buffer bytes;
        bool operator==(const Packet&) const = default;
    };

    Status on_packet(const Offload& offload, Bytes packet) override
    {
        CHECK(ends.empty());
        packets.push_back({offload, {packet.begin(), packet.end()}});
        return packet_answer;
    }
    Status on_message(const Message& message) override
    {
        CHECK(ends.empty());
        messages.push_back(message);
        return message_hook ? message_hook(message) : Status{};
    }
    void on_sendable() override
    {
        CHECK(ends.empty());
        ++sendable;
        if (sendable_hook) sendable_hook();
    }
    void on_lane_end(Lane&, const Error& reason) override
    {
        ends.push_back(reason);
        if (end_hook) end_hook();
    }

    [[nodiscard]] bool ended_with(std::errc code) const
    {
        return ends.size() == 1 && ends.front().code == code;
    }

    std::vector<Packet> packets;
    std::vector<Message> messages;
    std::vector<Error> ends;
    int sendable = 0;
    Status packet_answer;
    std::function<Status(const Message&)> message_hook;
    std::function<void()> sendable_hook;
    std::function<void()> end_hook;
};

/// The end "there", by hand.
class RawPeer {
public:
    explicit RawPeer(Fd fd) : fd_(std::move(fd)) {}

    void send(Bytes bytes) const
    {
        REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes.size()));
    }
    void send_record(Bytes plaintext) { send(seal(sealer, plaintext)); }

    /// Takes what has come. The plaintexts of whole records are in `records` afterwards.
    void receive()
    {
        std::array<std::byte, 64 * 1024> part{};
        ssize_t size = 0;
        while ((size = ::recv(fd_.get(), part.data(), part.size(), 0)) > 0)
            in_.insert(in_.end(), part.begin(), part.begin() + size);
        closed = closed || size == 0;
        while (take_record()) {
        }
    }
    void close() { fd_.reset(); }
    [[nodiscard]] int fd() const { return fd_.get(); }

    RecordSealer sealer = fixed_sealer(2);
    RecordOpener opener = fixed_opener(1);
    std::vector<Buffer> records;
    bool closed = false;

private:
    bool take_record()
    {
        const auto unit = next_unit(in_);
        REQUIRE(unit);
        if (!*unit || (*unit)->size > in_.size()) return false;
        const auto plaintext = opener.open(MutBytes{in_}.first((*unit)->size));
        REQUIRE(plaintext);
        records.emplace_back(plaintext->begin(), plaintext->end());
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>((*unit)->size));
        return true;
    }

    Fd fd_;
    Buffer in_;
};

/// The payloads of the packet frames of some records.
inline std::vector<Buffer> packets_in(const std::vector<Buffer>& records)
{
    std::vector<Buffer> packets;
    for (const Buffer& record : records) {
        FrameReader reader{record};
        for (auto frame = reader.next(); frame && *frame; frame = reader.next())
            if ((*frame)->kind == FrameKind::packet)
                packets.emplace_back((*frame)->payload.begin(), (*frame)->payload.end());
    }
    return packets;
}

/// The messages of some records.
inline std::vector<Message> messages_in(const std::vector<Buffer>& records)
{
    std::vector<Message> messages;
    for (const Buffer& record : records) {
        FrameReader reader{record};
        for (auto frame = reader.next(); frame && *frame; frame = reader.next())
            if ((*frame)->kind == FrameKind::message)
                messages.push_back(decode_message((*frame)->payload).value().value());
    }
    return messages;
}

/// Lets the loop handle everything that is already there, and what follows from it at once.
inline void settle(Loop& loop)
{
    int turns = 0;
    (void)runs_until(loop, patience, [&] { return ++turns > 4; });
}

} // namespace braid::test
