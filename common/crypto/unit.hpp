/// Units: what a lane's byte stream consists of. PROTOCOL.md, "Units":
///
///   type:8  length:24  body (length bytes)
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/cipher.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace braid {

enum class UnitType : std::uint8_t {
    client_hello = 1,
    server_hello = 2,
    refused = 3,     ///< server to client, no body: no reason is told to strangers
    lane_join = 4,   ///< client to server: a further lane of a session
    lane_accept = 5, ///< server to client: its answer
    record = 6,      ///< sealed frames
    next_record = 7, ///< the same, and the first one under the sender's next key
};

constexpr std::size_t unit_header_size = 4;
constexpr std::size_t max_handshake_body = 256; ///< of types 1, 2, 4 and 5, any version
/// A record is closed by its sender at 64 KiB or more; the frame that crosses that line may
/// itself have 64 KiB and a header: 64 KiB + 66 KiB.
constexpr std::size_t max_record_plaintext = std::size_t{130} * 1024;
constexpr std::size_t max_unit_size = unit_header_size + max_record_plaintext + max_tag_size;

struct Unit {
    UnitType type = UnitType::record;
    std::size_t size = 0; ///< header and body

    bool operator==(const Unit&) const noexcept = default;
};

/// How many bytes a record has more than its plaintext: header and tag.
[[nodiscard]] constexpr std::size_t record_overhead(Cipher cipher) noexcept
{
    return unit_header_size + tag_size(cipher);
}

/// The unit that a stream begins with, as soon as its header is there: the body may still be
/// on its way (compare size with the stream's), so that a type that may not come now is refused
/// before anything is buffered for it. A record's bounds are those of all ciphers together.
/// Yields nullopt when the header is incomplete.
/// Errors (protocol_error): unknown type, or a length that the type cannot have. Close the lane.
[[nodiscard]] Result<std::optional<Unit>> next_unit(Bytes stream);

/// True for exactly one whole unit of this type and size, header included.
[[nodiscard]] bool is_unit(Bytes unit, UnitType type, std::size_t size);

/// Writes the header of a unit whose body has `length` bytes to the first unit_header_size bytes.
void write_unit_header(MutBytes out, UnitType type, std::size_t length) noexcept;

} // namespace braid
