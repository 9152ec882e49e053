/// A stranger's datagrams as probes and echoes: as they come, and as changes to valid ones, of
/// which none may pass. The lane's secrets are those of the seeds (tests/vectors/generate.py).
#include "common/crypto/probe.hpp"

#include "common/crypto/keys.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

using namespace braid;

namespace {

/// What the keys' holder says is the one datagram that is authentic for these fields.
void check_raw(Bytes input, const ProbeKeys& keys)
{
    const auto probe = parse_probe(input);
    if (!is_authentic(input, keys)) return;
    if (!probe || probe->lane != keys.lane) std::abort();
    std::array<std::byte, probe_size> again{};
    write_probe(*probe, keys, again);
    if (!std::ranges::equal(input, again)) std::abort();
}

void check_changed(Bytes input, ProbeKind kind, const ProbeKeys& keys)
{
    std::array<std::byte, probe_size> datagram{};
    write_probe({.kind = kind, .number = 1, .lane = keys.lane}, keys, datagram);
    const Bytes change = input.first(std::min(input.size(), datagram.size()));
    std::ranges::transform(change, datagram, datagram.begin(),
                           [](auto a, auto b) { return a ^ b; });
    const bool changed = std::ranges::any_of(change, [](auto b) { return b != std::byte{0}; });
    if (is_authentic(datagram, keys) == changed) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const bool ready = crypto::init().has_value();
    if (!ready) std::abort();
    const Bytes input = std::as_bytes(std::span{data, size});
    const auto keys = ProbeKeys::of(LaneSecrets{});
    check_raw(input, keys);
    check_changed(input, ProbeKind::probe, keys);
    check_changed(input, ProbeKind::echo, keys);
    return 0;
}
