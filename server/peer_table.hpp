/// Which peer an inner address belongs to: longest prefix of all peers' addresses. PURE.
#pragma once

#include "common/base/ip.hpp"
#include "server/config.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace braid {

class PeerTable {
public:
    /// `peers` by position; config has refused overlaps of equal length.
    explicit PeerTable(const std::vector<PeerConfig>& peers);

    /// The peer (position) that packets to this inner address go to.
    [[nodiscard]] std::optional<std::size_t> owner(const Address& inner) const;
    /// True when packets from this inner address may come from that peer.
    [[nodiscard]] bool may_send(std::size_t peer, const Address& source) const
    {
        return owner(source) == peer;
    }

private:
    struct Hash {
        std::size_t operator()(const Address& address) const noexcept;
    };
    /// The peers' networks of one family and length.
    struct Length {
        Family family = Family::v4;
        std::uint8_t bits = 0;
        std::unordered_map<Address, std::size_t, Hash> owners;
    };
    std::vector<Length> lengths_; ///< longest first
};

/// The addresses to hand to a peer, in interface form: its inner host addresses with the prefix
/// length of the server's tun network that contains them (so that it reaches the whole inner
/// network), else as a single host.
[[nodiscard]] std::vector<Prefix> addresses_for(const PeerConfig& peer,
                                                const std::vector<Prefix>& tun_addresses);
/// The prefixes that the server must route into its TUN for the peer beyond the TUN's own
/// networks.
[[nodiscard]] std::vector<Prefix> routes_for(const PeerConfig& peer,
                                             const std::vector<Prefix>& tun_addresses);

} // namespace braid
