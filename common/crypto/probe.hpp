/// Probes and their echoes: small datagrams that tell whether an uplink carries anything.
/// PROTOCOL.md, "Probes":
///
///   kind:8  zero:24  number:32  lane:64  mac:128
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/lane_join.hpp"
#include "common/crypto/secret.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace braid {

constexpr std::size_t probe_size = 32; ///< of a probe and of its echo: nothing is amplified

/// By this the server finds the lane; it tells an observer nothing else.
using ProbeLane = std::array<std::byte, 8>;

enum class ProbeKind : std::uint8_t {
    probe = 1, ///< client to server
    echo = 2,  ///< the answer, with the number of the probe
};

struct Probe {
    ProbeKind kind = ProbeKind::probe;
    std::uint32_t number = 0;
    ProbeLane lane{};
    bool operator==(const Probe&) const = default;
};

/// What authenticates the probes of one lane and their echoes, for the lane's whole life.
struct ProbeKeys {
    ProbeLane lane{};
    Secret<32> probe;
    Secret<32> echo;

    /// Call it before the secrets go to sealer and opener.
    [[nodiscard]] static ProbeKeys of(const LaneSecrets& secrets);
};

/// Writes the whole datagram, authenticated with the key of its kind. The lane must be that of the
/// keys (a programmer error otherwise).
void write_probe(const Probe& probe, const ProbeKeys& keys, std::span<std::byte, probe_size> out);

/// What the datagram says, of which nothing is proved yet.
/// Errors (protocol_error): another size, an unknown kind, or not zero where zeros belong.
[[nodiscard]] Result<Probe> parse_probe(Bytes datagram);

/// True when the datagram is one of these keys' lane, whole, and was made by who holds them. In
/// constant time. It may be a replay.
[[nodiscard]] bool is_authentic(Bytes datagram, const ProbeKeys& keys);

} // namespace braid
