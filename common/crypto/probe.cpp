#include "common/crypto/probe.hpp"

#include "common/crypto/derive.hpp"

#include <algorithm>
#include <cassert>
#include <sodium/crypto_generichash_blake2b.h>
#include <string_view>

namespace braid {
namespace {

constexpr std::size_t mac_size = 16;
constexpr std::size_t clear_size = probe_size - mac_size;
constexpr std::size_t full_mac_size = 32; ///< of which the first bytes are sent

[[nodiscard]] Secret<full_mac_size> mac_of(Bytes clear, const Secret<32>& key)
{
    Secret<full_mac_size> mac;
    crypto_generichash_blake2b(uchars(MutBytes{mac.mutable_bytes()}), full_mac_size, uchars(clear),
                               clear.size(), uchars(Bytes{key.bytes()}), key.bytes().size());
    return mac;
}

[[nodiscard]] const Secret<32>& key_for(ProbeKind kind, const ProbeKeys& keys) noexcept
{
    return kind == ProbeKind::probe ? keys.probe : keys.echo;
}

tl::unexpected<Error> malformed(std::string_view reason)
{
    return fail(std::errc::protocol_error, std::string{"probe: "}.append(reason));
}

} // namespace

ProbeKeys ProbeKeys::of(const LaneSecrets& secrets)
{
    ProbeKeys keys{.lane = {},
                   .probe = derive(secrets.client_to_server, "braid probe"),
                   .echo = derive(secrets.server_to_client, "braid echo")};
    const auto name = derive(secrets.client_to_server, "braid probe lane");
    std::ranges::copy(name.bytes().first<ProbeLane{}.size()>(), keys.lane.begin());
    return keys;
}

void write_probe(const Probe& probe, const ProbeKeys& keys, std::span<std::byte, probe_size> out)
{
    assert(probe.lane == keys.lane);
    WireWriter writer{out};
    writer.u8(static_cast<std::uint8_t>(probe.kind));
    writer.u24(0);
    writer.u32(probe.number);
    writer.bytes(probe.lane);
    const auto mac = mac_of(writer.written(), key_for(probe.kind, keys));
    writer.bytes(mac.bytes().first<mac_size>());
    assert(writer.ok());
}

Result<Probe> parse_probe(Bytes datagram)
{
    if (datagram.size() != probe_size) return malformed("not 32 bytes");
    WireReader in{datagram};
    Probe probe{.kind = ProbeKind{in.u8()}};
    if (probe.kind != ProbeKind::probe && probe.kind != ProbeKind::echo)
        return malformed("unknown kind");
    if (in.u24() != 0) return malformed("reserved bits are set");
    probe.number = in.u32();
    probe.lane = in.array<ProbeLane{}.size()>();
    return probe;
}

bool is_authentic(Bytes datagram, const ProbeKeys& keys)
{
    const auto probe = parse_probe(datagram);
    if (!probe || probe->lane != keys.lane) return false;
    const auto mac = mac_of(datagram.first(clear_size), key_for(probe->kind, keys));
    return equal_in_constant_time(datagram.subspan(clear_size), mac.bytes().first<mac_size>());
}

} // namespace braid
