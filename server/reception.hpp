/// What a stranger's first bytes lead to, without I/O: the handshake or a lane join, its answer,
/// then the record that confirms the keys. PROTOCOL.md, "Confirmation" and "Joining".
#pragma once

#include "common/crypto/handshake.hpp"
#include "common/crypto/lane_join.hpp"
#include "common/crypto/probe.hpp"
#include "common/crypto/record.hpp"
#include "common/wire/message.hpp"
#include "server/join_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <variant>

namespace braid {

/// A client that has proved its key by a handshake.
struct NewSession {
    PublicKey client;
    JoinTable::Session session;
    Hello hello;
};
/// A client that goes on with a session.
struct FurtherLane {
    std::size_t peer = 0;
    SessionId session{};
};

using Who = std::variant<NewSession, FurtherLane>;

/// Who has confirmed its keys, and the keys.
struct Admission {
    Who who;
    RecordSealer sealer;
    RecordOpener opener;
    ProbeKeys probe;
};

/// Nothing of the host changes before an admission but what Host::join does.
///
///   opening --client hello--> greeted --record with hello--> done
///   opening --lane join--> joined --record with lane hello--> done
///
/// Every error is final: the caller closes the connection.
class Reception {
public:
    /// What the server knows.
    struct Host {
        virtual ~Host() = default;
        /// False when so much public-key work was done for this visitor's source, or for all,
        /// that there is no time for more now.
        [[nodiscard]] virtual bool allows_handshake() = 0;
        /// See FindClient.
        [[nodiscard]] virtual const PresharedKey* find_client(const PublicKey& key) = 0;
        /// Whose code is to run the cipher.
        [[nodiscard]] virtual AeadMaker maker_of(Cipher cipher) = 0;
        /// See JoinTable::join.
        [[nodiscard]] virtual Result<JoinedLane> join(Bytes unit, MutBytes out) = 0;
    };
    /// The code of the error with which allows_handshake() ends a visit: the client is not
    /// refused, it shall come again.
    static constexpr auto busy = std::errc::resource_unavailable_try_again;

    /// What is buffered of a visitor at most: a hello or join, a confirmation, and what may follow
    /// it. PROTOCOL.md, "Before authentication".
    static constexpr std::size_t room = 4096;

    /// The result of take().
    struct Step {
        std::size_t taken = 0; ///< bytes of the stream that are done with; 0: wait for more
        Bytes reply;           ///< to be sent, borrowed from the reception
        std::optional<Admission> admission; ///< the end
    };

    /// Both outlive the reception.
    Reception(const PrivateKey& own, Host& host) : handshake_({.own = own}), host_(host) {}

    /// Looks at what the stream begins with; opens a record in place.
    /// Errors: protocol_error; every handshake_fault; busy.
    [[nodiscard]] Result<Step> take(MutBytes stream);

    /// True once a client hello of a listed key, or a lane join, was taken; the hello may be a
    /// replay.
    [[nodiscard]] bool keys_known() const noexcept { return pending_.has_value(); }

private:
    [[nodiscard]] Result<Step> open(Bytes unit, UnitType type);
    [[nodiscard]] Result<Step> greet(Bytes hello);
    [[nodiscard]] Result<Step> join(Bytes unit);
    /// From now on a record may confirm these keys.
    void expect(Who who, Cipher cipher, LaneSecrets secrets);
    [[nodiscard]] Result<Step> confirm(MutBytes record);

    ServerHandshake handshake_;
    Host& host_;
    std::array<std::byte, std::max(server_hello_size, lane_accept_size)> reply_{};
    std::optional<Admission> pending_; ///< until it is confirmed
};

} // namespace braid
