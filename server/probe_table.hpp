/// Whose probes the server answers: those of the newest lane of each peer. PURE.
#pragma once

#include "common/crypto/probe.hpp"

#include <cstddef>
#include <optional>
#include <unordered_map>

namespace braid {

class ProbeTable {
public:
    using EchoDatagram = std::array<std::byte, probe_size>;

    /// A peer, by position, has a new lane: its keys take the place of the last one's.
    void open(std::size_t peer, ProbeKeys keys);
    /// The peer has no lane any more. Harmless when it had none.
    void close(std::size_t peer);

    /// The answer to a stranger's datagram; nullopt when it is no authentic probe of a lane that
    /// lives: then there is none.
    [[nodiscard]] std::optional<EchoDatagram> answer(Bytes datagram) const;

private:
    struct Hash {
        /// The name is random already: an output of BLAKE2b that no single end can choose.
        std::size_t operator()(const ProbeLane& lane) const noexcept;
    };
    std::unordered_map<ProbeLane, ProbeKeys, Hash> lanes_;
    std::unordered_map<std::size_t, ProbeLane> newest_; ///< by peer
};

} // namespace braid
