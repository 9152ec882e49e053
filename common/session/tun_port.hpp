/// The tunnel's side towards the host: reads the TUN into packets ready for a queue, writes
/// packets of a peer into it. The TUN is always drained; it is never the queue.
#pragma once

#include "common/base/log.hpp"
#include "common/queue/coalescer.hpp"
#include "common/queue/fair_queue.hpp"
#include "common/queue/flow.hpp"
#include "common/queue/packet_pool.hpp"
#include "common/sys/loop.hpp"
#include "common/sys/tun.hpp"
#include "common/wire/offload.hpp"
#include "common/wire/packet.hpp"

#include <cstddef>
#include <cstdint>

namespace braid {

class TunPort {
public:
    /// After so many reads, or bytes, other descriptors get their turn. Many small packets at once
    /// make large records; a quarter of what a queue holds leaves it time to be emptied.
    static constexpr int reads_per_turn = 256;
    static constexpr std::size_t bytes_per_turn = FairQueue::default_cap / 4;

    struct Listener {
        virtual ~Listener() = default;
        /// A packet that the host routed into the tunnel, or several that were joined.
        virtual void on_tun_packet(QueuedPacket packet, const PacketInfo& info) = 0;
        /// The TUN has nothing more for now: send what was queued.
        virtual void on_tun_drained() = 0;
        /// The TUN cannot be read any more (somebody deleted it); the last call.
        virtual void on_tun_lost(const Error& reason) = 0;
    };

    struct Counters {
        std::uint64_t unreadable = 0;  ///< from the host, not IP or not describable
        std::uint64_t refused = 0;     ///< from a peer, description does not fit the packet
        std::uint64_t undelivered = 0; ///< from a peer, the kernel did not take it
    };

    /// `tun`, `pool` and `listener` outlive this object.
    TunPort(Loop& loop, Tun& tun, PacketPool& pool, Listener& listener);

    void start() { watch_.want({.readable = true}); }

    /// Writes a peer's packet into the host. What the kernel refuses is counted and dropped.
    void deliver(const Offload& offload, const PacketInfo& info, Bytes packet, std::uint32_t mtu);
    /// Counts a peer's packet that is no IP packet.
    void count_refused(const Error& reason);

    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

private:
    void on_readable();
    /// For a kernel that takes no UDP super-packets.
    void deliver_split(const Offload& offload, const PacketInfo& info, Bytes packet,
                       std::uint32_t mtu);
    /// How much there was to read, bytes; 0: nothing.
    std::size_t read_one(TimePoint now);

    Loop& loop_;
    Tun& tun_;
    PacketPool& pool_;
    Listener& listener_;
    Coalescer coalescer_;
    FlowKey flow_key_;
    Counters counters_;
    LogLimit log_limit_{5, 10s};
    FdWatch watch_;
};

} // namespace braid
