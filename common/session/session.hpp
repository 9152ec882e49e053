/// What a handshake set up between two peers: the queue towards the peer and the lanes that
/// carry it. It outlives its lanes: after the loss of all it goes on with the next one.
#pragma once

#include "common/queue/fair_queue.hpp"
#include "common/session/lane.hpp"

#include <memory>
#include <vector>

namespace braid {

/// The newest lane carries what is sent; older ones are heard until they end.
///
/// Timer: stale_timer_ starts when the last lane is lost, ends with the next, drops the queue.
class Session : private Lane::Listener {
public:
    static constexpr std::size_t max_lanes = 4; ///< one more pushes out the oldest
    /// So long what is queued waits for the next lane: a resumption takes less, and inner senders
    /// have sent it again by then.
    static constexpr auto stale_after = 1s;

    struct Listener {
        virtual ~Listener() = default;
        /// A packet or message of the peer, borrowed for the call. An error ends the lane.
        virtual Status on_packet(Session& session, const Offload& offload, Bytes packet) = 0;
        virtual Status on_message(Session& session, const Message& message) = 0; ///< not Close
        /// The last lane has gone; another may be opened, in the call too. The owner may destroy
        /// the session here.
        virtual void on_lanes_lost(Session& session, const Error& reason) = 0;
        /// The peer has closed the session. The last call; the owner may destroy the session here.
        virtual void on_session_end(Session& session, const Error& reason) = 0;
    };

    /// References outlive the session. `tag` is the owner's, to find what belongs to it.
    Session(Loop& loop, Listener& listener, std::size_t tag = 0);

    /// Makes a lane from a connection whose first messages are done (see Lane).
    void open_lane(Fd fd, Lane::Keys keys, Bytes received);
    /// Gives up all lanes with what they hold, by a reset, and without a call of the listener.
    void drop_lanes();

    /// Queues a packet towards the peer; send() sends it.
    void enqueue(QueuedPacket packet) { queue_.push(std::move(packet)); }
    void send();
    /// All lanes neither read nor take packets, until release(). See Lane.
    void hold();
    void release();
    void send_message(const Message& message);
    void ping();
    void close(CloseReason reason);

    [[nodiscard]] std::size_t tag() const noexcept { return tag_; }
    /// The lane that sends, if there is one.
    [[nodiscard]] const Lane* lane() const noexcept
    {
        return lanes_.empty() ? nullptr : lanes_.back().get();
    }
    [[nodiscard]] const FairQueue& queue() const noexcept { return queue_; }
    /// Of all lanes, those that have ended too.
    [[nodiscard]] Lane::Counters counters() const noexcept;

private:
    Status on_packet(const Offload& offload, Bytes packet) override
    {
        return listener_.on_packet(*this, offload, packet);
    }
    Status on_message(const Message& message) override;
    void on_sendable() override { send(); }
    void on_lane_end(Lane& lane, const Error& reason) override;
    void remove(std::vector<std::unique_ptr<Lane>>::iterator lane);

    Loop& loop_;
    Listener& listener_;
    std::size_t tag_;
    FairQueue queue_;
    std::vector<std::unique_ptr<Lane>> lanes_; ///< oldest first
    Lane::Counters ended_;                     ///< of lanes that have gone
    bool closed_by_peer_ = false;
    Timer stale_timer_;
};

} // namespace braid
