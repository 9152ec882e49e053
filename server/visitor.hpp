/// A connection that has not yet proved who it is: a Reception with a descriptor, a deadline and
/// a small buffer. Nothing of the server changes before it is admitted.
#pragma once

#include "common/base/ip.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"
#include "server/reception.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace braid {

/// Timer: deadline_ starts with the object and ends with it; ends the visit.
class Visitor : private Reception::Host {
public:
    static constexpr auto patience = 5s; ///< PROTOCOL.md, "Before authentication"

    /// Who keeps the visitors, and what they ask of it.
    struct Listener {
        virtual ~Listener() = default;
        /// See Reception::Host.
        [[nodiscard]] virtual bool allows_handshake(const Visitor& visitor) = 0;
        [[nodiscard]] virtual const PresharedKey* find_client(const PublicKey& key) = 0;
        [[nodiscard]] virtual AeadMaker maker_of(Cipher cipher) = 0;
        [[nodiscard]] virtual Result<JoinedLane> join(Bytes unit, MutBytes out) = 0;
        /// The client has proved its key. `received` came behind its confirmation, borrowed from
        /// the visitor. The listener destroys the visitor.
        virtual void on_admission(Visitor& visitor, Admission admission, Fd fd, Bytes received) = 0;
        /// The visit has failed; the listener destroys the visitor. Connection_aborted: it left
        /// of its own accord after the server's answer.
        virtual void on_visit_end(Visitor& visitor, const Error& reason) = 0;
    };

    /// `own` and `listener` outlive the visitor.
    Visitor(Loop& loop, Fd fd, Endpoint remote, const PrivateKey& own, Listener& listener);

    [[nodiscard]] const Endpoint& remote() const noexcept { return remote_; }
    /// See Reception.
    [[nodiscard]] bool keys_known() const noexcept { return reception_.keys_known(); }

private:
    void on_readable();
    [[nodiscard]] Status receive();
    /// False when the visitor is no more.
    [[nodiscard]] Result<bool> handle_received();
    [[nodiscard]] Status send(Bytes reply) const;

    bool allows_handshake() override { return listener_.allows_handshake(*this); }
    const PresharedKey* find_client(const PublicKey& key) override
    {
        return listener_.find_client(key);
    }
    AeadMaker maker_of(Cipher cipher) override { return listener_.maker_of(cipher); }
    Result<JoinedLane> join(Bytes unit, MutBytes out) override { return listener_.join(unit, out); }

    Fd fd_;
    Endpoint remote_;
    Listener& listener_;
    Reception reception_;
    std::vector<std::byte> in_; ///< at most Reception::room
    std::optional<FdWatch> watch_;
    Timer deadline_;
};

} // namespace braid
