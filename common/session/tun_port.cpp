#include "common/session/tun_port.hpp"

#include "common/wire/message.hpp"
#include "common/wire/udp_split.hpp"

#include <algorithm>
#include <array>
#include <sodium.h>
#include <utility>

namespace braid {
namespace {

FlowKey random_flow_key()
{
    FlowKey key;
    ::randombytes_buf(key.data(), key.size());
    return key;
}

} // namespace

TunPort::TunPort(Loop& loop, Tun& tun, PacketPool& pool, Listener& listener)
    : loop_(loop),
      tun_(tun),
      pool_(pool),
      listener_(listener),
      coalescer_(pool,
                 [this](QueuedPacket packet, const PacketInfo& info) {
                     listener_.on_tun_packet(std::move(packet), info);
                 }),
      flow_key_(random_flow_key()),
      watch_(loop, tun.fd(), [this](Interest) { on_readable(); })
{
}

void TunPort::on_readable()
{
    const TimePoint now = loop_.now();
    std::size_t taken = 0;
    for (int i = 0; i < reads_per_turn && taken < bytes_per_turn; ++i) {
        const std::size_t size = read_one(now);
        if (size == 0) break;
        taken += size;
    }
    coalescer_.flush();
    listener_.on_tun_drained();
}

std::size_t TunPort::read_one(TimePoint now)
{
    PacketBuffer buffer = pool_.large();
    const auto size = tun_.read(buffer.room());
    if (!size) {
        watch_.want({}); // it stays readable for ever: watching on would spin
        listener_.on_tun_lost(size.error());
        return 0;
    }
    if (*size < Tun::vnet_header_size) {
        if (*size > 0) ++counters_.unreadable;
        return *size;
    }
    VnetHeader header;
    std::copy_n(buffer.room().begin(), header.size(), header.begin());
    buffer.set(header.size(), *size - header.size());
    const auto info = parse_packet(buffer.bytes());
    const auto offload = info ? describe_offload(header, *info) : fail(info.error());
    if (!info || !offload) {
        ++counters_.unreadable;
        return *size;
    }
    QueuedPacket packet{.buffer = std::move(buffer),
                        .offload = *offload,
                        .flow = hash_flow(flow_key_, *info),
                        .queued_at = now};
    coalescer_.add(std::move(packet), *info, says_checksum_is_good(header));
    return *size;
}

void TunPort::deliver(const Offload& offload, const PacketInfo& info, Bytes packet,
                      std::uint32_t mtu)
{
    if (offload.gso == Gso::udp && !tun_.takes_udp_segments())
        return deliver_split(offload, info, packet, mtu);
    const auto header = rebuild_vnet_header(offload, info, packet, mtu);
    if (!header) return count_refused(header.error());
    if (!tun_.write(*header, packet)) ++counters_.undelivered;
}

void TunPort::deliver_split(const Offload& offload, const PacketInfo& info, Bytes packet,
                            std::uint32_t mtu)
{
    const auto split = UdpSplit::of(offload, info, packet, mtu);
    if (!split) return count_refused(split.error());
    constexpr VnetHeader no_offload{};
    std::array<std::byte, max_mtu> room;
    for (std::size_t i = 0; i < split->count(); ++i) {
        if (!tun_.write(no_offload, split->write(i, room))) ++counters_.undelivered;
    }
}

void TunPort::count_refused(const Error& reason)
{
    ++counters_.refused;
    if (log_limit_.allows(loop_.now()))
        spdlog::warn("packet of peer refused reason=\"{}\"", reason.text());
}

} // namespace braid
