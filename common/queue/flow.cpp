#include "common/queue/flow.hpp"

#include "common/base/bytes.hpp"

#include <array>
#include <cstddef>
#include <sodium/crypto_shorthash.h>
#include <tuple>

namespace braid {
namespace {

/// family:8 source destination protocol:8 source_port:16 destination_port:16, addresses of 4 or 16
/// bytes as the family says and no ports of a fragment, so that no two flows look alike.
constexpr std::size_t most_hashed = 38;

static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<FlowKey>);
static_assert(crypto_shorthash_BYTES == sizeof(FlowHash));

} // namespace

FlowHash hash_flow(const FlowKey& key, const PacketInfo& info)
{
    std::array<std::byte, most_hashed> flow{};
    WireWriter out{flow};
    out.u8(static_cast<std::uint8_t>(info.source.family()));
    out.bytes(info.source.bytes());
    out.bytes(info.destination.bytes());
    out.u8(info.protocol);
    if (!info.fragment) {
        out.u16(info.source_port);
        out.u16(info.destination_port);
    }

    std::array<std::byte, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(uchars(MutBytes{hash}), uchars(out.written()), out.written().size(),
                     uchars(Bytes{key}));
    return WireReader{hash}.u64();
}

} // namespace braid
