#include "server/peer_table.hpp"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

namespace braid {
namespace {

/// The server's tun network that holds a prefix, if there is one.
const Prefix* network_around(const Prefix& prefix, const std::vector<Prefix>& tun_addresses)
{
    const auto found = std::ranges::find_if(tun_addresses, [&](const Prefix& tun) {
        return tun.length <= prefix.length && tun.contains(prefix.address);
    });
    return found == tun_addresses.end() ? nullptr : &*found;
}

/// What a configured prefix owns: an address with host bits stands for itself alone.
Prefix owned(const Prefix& prefix)
{
    return prefix.has_host_bits() ? Prefix::host(prefix.address) : prefix;
}

} // namespace

std::size_t PeerTable::Hash::operator()(const Address& address) const noexcept
{
    const Bytes bytes = address.bytes();
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

PeerTable::PeerTable(const std::vector<PeerConfig>& peers)
{
    for (std::size_t position = 0; position < peers.size(); ++position) {
        for (const Prefix& configured : peers[position].addresses) {
            const Prefix prefix = owned(configured);
            const auto same = [&](const Length& each) {
                return each.family == prefix.address.family() && each.bits == prefix.length;
            };
            auto length = std::ranges::find_if(lengths_, same);
            if (length == lengths_.end())
                length = lengths_.insert(length, {prefix.address.family(), prefix.length, {}});
            length->owners.emplace(prefix.address, position);
        }
    }
    std::ranges::sort(lengths_, std::greater{}, &Length::bits);
}

std::optional<std::size_t> PeerTable::owner(const Address& inner) const
{
    for (const Length& length : lengths_) {
        if (length.family != inner.family()) continue;
        const auto found = length.owners.find(Prefix{inner, length.bits}.network().address);
        if (found != length.owners.end()) return found->second;
    }
    return std::nullopt;
}

std::vector<Prefix> addresses_for(const PeerConfig& peer, const std::vector<Prefix>& tun_addresses)
{
    std::vector<Prefix> addresses;
    for (const Prefix& configured : peer.addresses) {
        const Prefix prefix = owned(configured);
        if (!prefix.is_host()) continue;
        const Prefix* network = network_around(prefix, tun_addresses);
        addresses.push_back({prefix.address, network ? network->length : prefix.length});
    }
    return addresses;
}

std::vector<Prefix> routes_for(const PeerConfig& peer, const std::vector<Prefix>& tun_addresses)
{
    std::vector<Prefix> routes;
    for (const Prefix& configured : peer.addresses) {
        const Prefix prefix = owned(configured);
        if (!network_around(prefix, tun_addresses)) routes.push_back(prefix);
    }
    return routes;
}

} // namespace braid
