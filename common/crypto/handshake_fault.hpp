/// The codes of errors of handshakes and lane joins: why a message was refused. For the log,
/// never for the peer.
#pragma once

#include <system_error>

namespace braid::handshake_fault {

constexpr auto malformed = std::errc::bad_message; ///< size, type or field, or out of turn
constexpr auto wrong_version = std::errc::protocol_not_supported;
constexpr auto unknown_client = std::errc::permission_denied;      ///< authentic, but not listed
constexpr auto not_authentic = std::errc::operation_not_permitted; ///< key, psk, or tampered
constexpr auto no_common_cipher = std::errc::not_supported;

} // namespace braid::handshake_fault
