/// One MPTCP connection of a session after its handshake: records out and in, frames inside,
/// a gate on what the kernel holds unsent, keep-alive.
#pragma once

#include "common/crypto/lane_join.hpp"
#include "common/crypto/record.hpp"
#include "common/queue/fair_queue.hpp"
#include "common/session/lane_receiver.hpp"
#include "common/session/lane_sender.hpp"
#include "common/session/record_workers.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"
#include "common/wire/frame.hpp"
#include "common/wire/message.hpp"

#include <cstdint>
#include <optional>

namespace braid {

/// Timers: gate_timer_ runs every millisecond while the gate is shut and packets wait;
/// alive_timer_ runs every ping_after for the lane's life, pings a silent peer and ends the
/// lane after dead_after without a byte, or when it rests without a byte after ping_after;
/// backlog_ goes on with what was received, on the next turn of the loop;
/// end_timer_ reports a fault found while sending.
class Lane : private WorkLine::Owner {
public:
    static constexpr auto ping_after = 2s; ///< PROTOCOL.md, "Keep-alive"
    static constexpr auto dead_after = 10s;

    /// All calls come from the loop, never from inside send_*().
    struct Listener {
        virtual ~Listener() = default;
        /// Error: the peer broke the protocol; the lane ends with it.
        virtual Status on_packet(const Offload& offload, Bytes packet) = 0;
        virtual Status on_message(const Message& message) = 0; ///< not Ping, Pong
        /// The lane takes packets again.
        virtual void on_sendable() = 0;
        /// The last call, after which the lane does nothing; the owner may destroy it here.
        virtual void on_lane_end(Lane& lane, const Error& reason) = 0;
    };

    struct Keys {
        RecordSealer sealer;
        RecordOpener opener;
        RecordWorkers* workers = nullptr; ///< who may run the ciphers, too; outlives the lane

        [[nodiscard]] static Keys of_client(Cipher cipher, AeadMaker maker, LaneSecrets secrets);
        [[nodiscard]] static Keys of_server(Cipher cipher, AeadMaker maker, LaneSecrets secrets);
    };

    struct Counters {
        std::uint64_t packets_sent = 0;
        std::uint64_t packets_received = 0;
        std::uint64_t bytes_sent = 0; ///< of inner packets
        std::uint64_t bytes_received = 0;

        Counters& operator+=(const Counters& other) noexcept;
    };

    /// Takes over a connection whose handshake is done. `received` are bytes that came behind
    /// the handshake; they are handled at the next turn of the loop. `listener` outlives the
    /// lane.
    Lane(Loop& loop, Fd fd, Keys keys, Bytes received, Listener& listener);

    /// Sends packets of the queue until it is empty, the gate shuts or the kernel is full.
    void send_packets(FairQueue& queue);
    /// Asks for no more packets; what is sealed goes its way. Another lane has taken over: this one
    /// ends when the peer has been silent on it for ping_after.
    void rest();
    /// Reads nothing and takes no packets until release(), so that either end's data waits where it
    /// is; messages go out, and the peer's silence is not counted.
    void hold();
    void release();
    [[nodiscard]] bool held() const noexcept { return held_; }
    /// Sends one message, in front of any packet not yet sealed.
    void send_message(const Message& message);
    /// Asks the peer for a sign of life through the lane.
    void ping();
    /// What it holds is not sent any more: with its end the peer gets a reset (MP_FASTCLOSE).
    void abort();
    /// Sends Close as well as possible without waiting.
    void close(CloseReason reason);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] Cipher cipher() const noexcept { return sender_.cipher(); }
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
    [[nodiscard]] std::optional<Duration> rtt() const noexcept { return rtt_; }
    /// When the last byte came out of it.
    [[nodiscard]] TimePoint heard_at() const noexcept { return heard_at_; }

private:
    void on_ready(Interest ready);
    /// False when the lane has ended; then nothing of it may be touched.
    [[nodiscard]] bool receive();
    [[nodiscard]] bool handle_received();
    /// Received and not yet handled, more than fits a turn.
    [[nodiscard]] bool has_backlog() const { return backlog_.pending(); }
    [[nodiscard]] Status handle_frame(const Frame& frame);
    [[nodiscard]] Status handle_message(const Message& message);
    void answer_ping();
    void on_work_done() override;
    void on_alive_timer();
    bool end(Error reason);

    [[nodiscard]] bool gate_open();
    /// Starts or stops the gate's timer.
    void poll_gate();
    void flush();
    void fail_later(Error reason);
    void update_interest();
    void wake_for(std::size_t bytes);

    Loop& loop_;
    Fd fd_;
    Listener& listener_;
    LaneSender sender_;
    LaneReceiver receiver_;
    RecordLine line_; ///< dies before what its jobs work on
    Counters counters_;
    std::size_t wakes_for_ = 1; ///< bytes that make the connection readable
    bool packets_wait_ = false; ///< the listener has more than was taken
    bool resting_ = false;
    bool held_ = false;
    std::optional<Error> fault_;
    std::optional<Error> deaf_; ///< why nothing more is received; what was is handled first
    TimePoint heard_at_;
    std::optional<Pong> owed_pong_; ///< to the last ping received
    std::uint64_t ping_number_ = 0;
    TimePoint ping_sent_at_{};
    std::optional<Duration> rtt_;
    FdWatch watch_;
    Timer gate_timer_;
    Timer alive_timer_;
    NextTurn backlog_;
    Timer end_timer_;
};

} // namespace braid
