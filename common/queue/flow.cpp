#include "common/queue/flow.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <sodium/crypto_shorthash.h>
#include <tuple>

namespace braid {
namespace {

/// family:8 source:128 destination:128 protocol:8 source_port:16 destination_port:16, addresses
/// padded with zeros, so that no two flows look alike.
constexpr std::size_t hashed_size = 38;
constexpr std::size_t address_room = 16;

static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<FlowKey>);
static_assert(crypto_shorthash_BYTES == sizeof(FlowHash));

void put_padded(WireWriter& out, const Address& address)
{
    std::ranges::copy(address.bytes(), out.skip(address_room).begin());
}

} // namespace

FlowHash hash_flow(const FlowKey& key, const PacketInfo& info)
{
    std::array<std::byte, hashed_size> flow{};
    WireWriter out{flow};
    out.u8(static_cast<std::uint8_t>(info.source.family()));
    put_padded(out, info.source);
    put_padded(out, info.destination);
    out.u8(info.protocol);
    if (!info.fragment) {
        out.u16(info.source_port);
        out.u16(info.destination_port);
    }

    std::array<std::byte, crypto_shorthash_BYTES> hash{};
    crypto_shorthash(uchars(MutBytes{hash}), uchars(Bytes{flow}), flow.size(), uchars(Bytes{key}));
    return WireReader{hash}.u64();
}

} // namespace braid
