/// What a handshake set up between two peers: the queue towards the peer and the lanes that
/// carry it. Today one lane, of class bulk; flows will be pinned to lanes here.
#pragma once

#include "common/queue/fair_queue.hpp"
#include "common/session/lane.hpp"

#include <memory>

namespace braid {

class Session : private Lane::Listener {
public:
    struct Listener {
        virtual ~Listener() = default;
        /// A packet or message of the peer, borrowed for the call. An error ends the session.
        virtual Status on_packet(Session& session, const Offload& offload, Bytes packet) = 0;
        virtual Status on_message(Session& session, const Message& message) = 0;
        /// The last call; the owner may destroy the session here.
        virtual void on_session_end(Session& session, const Error& reason) = 0;
    };

    /// `listener` outlives the session. `tag` is the owner's, to find what belongs to it.
    explicit Session(Listener& listener, std::size_t tag = 0) : listener_(listener), tag_(tag) {}

    /// Gives the session its lane; its events come here from now on.
    void adopt(std::unique_ptr<Lane> lane);
    /// Makes the session's lane from a connection whose handshake is done (see Lane).
    void open_lane(Loop& loop, Fd fd, Lane::Keys keys, Bytes received);

    /// Queues a packet towards the peer; send() sends it.
    void enqueue(QueuedPacket packet) { queue_.push(std::move(packet)); }
    void send() { lane_->send_packets(queue_); }
    void send_message(const Message& message) { lane_->send_message(message); }
    void close(CloseReason reason) { lane_->close(reason); }

    [[nodiscard]] std::size_t tag() const noexcept { return tag_; }
    [[nodiscard]] const Lane& lane() const noexcept { return *lane_; }
    [[nodiscard]] const FairQueue& queue() const noexcept { return queue_; }

private:
    Status on_packet(const Offload& offload, Bytes packet) override
    {
        return listener_.on_packet(*this, offload, packet);
    }
    Status on_message(const Message& message) override
    {
        return listener_.on_message(*this, message);
    }
    void on_sendable() override { send(); }
    void on_lane_end(const Error& reason) override { listener_.on_session_end(*this, reason); }

    Listener& listener_;
    std::size_t tag_;
    FairQueue queue_;
    std::unique_ptr<Lane> lane_;
};

} // namespace braid
