#include "common/crypto/unit.hpp"

#include <cassert>

namespace braid {

namespace {

struct BodySize {
    std::size_t least;
    std::size_t most;
};

/// nullopt for a type that this version does not know.
[[nodiscard]] std::optional<BodySize> body_size(UnitType type) noexcept
{
    switch (type) {
    case UnitType::client_hello:
    case UnitType::server_hello:
    case UnitType::lane_join:
    case UnitType::lane_accept: return BodySize{1, max_handshake_body};
    case UnitType::refused: return BodySize{0, 0};
    case UnitType::record:
    case UnitType::next_record: return BodySize{min_tag_size, max_record_plaintext + max_tag_size};
    }
    return std::nullopt;
}

} // namespace

Result<std::optional<Unit>> next_unit(Bytes stream)
{
    if (stream.empty()) return std::nullopt;
    const auto type = static_cast<UnitType>(stream.front());
    const auto allowed = body_size(type);
    if (!allowed) return fail(std::errc::protocol_error, "unit: unknown type");

    WireReader in{stream.subspan(1)};
    const std::size_t length = in.u24();
    if (!in.ok()) return std::nullopt;
    if (length < allowed->least || length > allowed->most)
        return fail(std::errc::protocol_error, "unit: length out of bounds");
    return Unit{type, unit_header_size + length};
}

bool is_unit(Bytes unit, UnitType type, std::size_t size)
{
    const auto header = next_unit(unit);
    return header && *header && **header == Unit{type, size} && unit.size() == size;
}

void write_unit_header(MutBytes out, UnitType type, std::size_t length) noexcept
{
    WireWriter writer{out.first(unit_header_size)};
    writer.u8(static_cast<std::uint8_t>(type));
    writer.u24(narrow<std::uint32_t>(length));
    assert(writer.ok() && length < (1U << 24));
}

} // namespace braid
