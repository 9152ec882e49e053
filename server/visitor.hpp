/// A connection that has not yet proved who it is: handshake, then the client's Hello, within a
/// deadline and a small buffer. Nothing of the server changes before Hello has been opened.
#pragma once

#include "common/base/ip.hpp"
#include "common/crypto/handshake.hpp"
#include "common/session/lane.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace braid {

/// Timer: deadline_ starts with the object and ends with it; ends the visit.
class Visitor : private Lane::Listener {
public:
    static constexpr auto patience = 5s; ///< PROTOCOL.md, "Before authentication"

    struct Listener {
        virtual ~Listener() = default;
        /// The client has proved its key. The listener takes the lane, which is in the middle of
        /// a call (take_lane), and may destroy the visitor.
        virtual void on_welcome(Visitor& visitor, const PublicKey& client, const Hello& hello) = 0;
        /// The visit has failed; the listener destroys the visitor.
        virtual void on_visit_end(Visitor& visitor, const Error& reason) = 0;
    };

    /// `listener` and what `find` yields outlive the visitor.
    Visitor(Loop& loop, Fd fd, Endpoint remote, ServerHandshake handshake, FindClient find,
            Listener& listener);

    [[nodiscard]] const Endpoint& remote() const noexcept { return remote_; }
    /// True once a client hello of a listed key has come; it may be a replay.
    [[nodiscard]] bool hello_verified() const noexcept { return lane_ != nullptr; }
    [[nodiscard]] std::unique_ptr<Lane> take_lane() { return std::move(lane_); }

private:
    void on_readable();
    [[nodiscard]] Status receive();
    [[nodiscard]] Status answer(Bytes hello, Bytes received);
    void refuse();
    void end(const Error& reason);

    Status on_packet(const Offload& offload, Bytes packet) override;
    Status on_message(const Message& message) override;
    void on_sendable() override {}
    void on_lane_end(const Error& reason) override { end(reason); }

    Loop& loop_;
    Fd fd_;
    Endpoint remote_;
    ServerHandshake handshake_;
    FindClient find_;
    Listener& listener_;
    PublicKey client_;
    std::vector<std::byte> in_; ///< at most in_room
    std::optional<FdWatch> watch_;
    std::unique_ptr<Lane> lane_; ///< once the server hello is sent
    Timer deadline_;
};

} // namespace braid
