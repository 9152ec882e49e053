#include "server/probe_table.hpp"

#include <bit>
#include <cstdint>
#include <utility>

namespace braid {

void ProbeTable::open(std::size_t peer, ProbeKeys keys)
{
    close(peer);
    const ProbeLane lane = keys.lane;
    newest_.emplace(peer, lane);
    lanes_.insert_or_assign(lane, std::move(keys));
}

void ProbeTable::close(std::size_t peer)
{
    const auto newest = newest_.extract(peer);
    if (newest) lanes_.erase(newest.mapped());
}

std::optional<ProbeTable::EchoDatagram> ProbeTable::answer(Bytes datagram) const
{
    const auto probe = parse_probe(datagram);
    if (!probe || probe->kind != ProbeKind::probe) return std::nullopt;
    const auto found = lanes_.find(probe->lane);
    if (found == lanes_.end() || !is_authentic(datagram, found->second)) return std::nullopt;
    EchoDatagram echo{};
    write_probe({.kind = ProbeKind::echo, .number = probe->number, .lane = probe->lane},
                found->second, echo);
    return echo;
}

std::size_t ProbeTable::Hash::operator()(const ProbeLane& lane) const noexcept
{
    return std::bit_cast<std::uint64_t>(lane);
}

} // namespace braid
