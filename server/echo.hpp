/// Answers the probes of clients, on UDP sockets beside the server's TCP listeners. PROTOCOL.md,
/// "Probes".
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"
#include "server/probe_table.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace braid {

/// What is not an authentic probe gets no answer.
class Echo {
public:
    /// Handled at one go: then other descriptors get their turn, whoever floods this one.
    static constexpr int datagrams_per_turn = 64;

    struct Counters {
        std::uint64_t probes = 0;  ///< authentic, so answered
        std::uint64_t foreign = 0; ///< all other datagrams
    };

    /// The loop outlives this.
    explicit Echo(Loop& loop) noexcept : loop_(loop) {}

    /// Listens on one more endpoint. Errors: of udp::listen, with a hint.
    [[nodiscard]] Status listen(const Endpoint& local);

    /// Answers the newest lane of a peer, or none of it any more. See ProbeTable.
    void open_lane(std::size_t peer, ProbeKeys keys) { table_.open(peer, std::move(keys)); }
    void close_lane(std::size_t peer) { table_.close(peer); }

    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    struct Listening {
        Fd fd;
        FdWatch watch;
    };
    void answer_all(int listener);

    Loop& loop_;
    ProbeTable table_;
    std::vector<Listening> listening_;
    Counters counters_;
};

} // namespace braid
