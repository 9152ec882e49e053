/// A TUN device with virtio-net headers and segmentation offload.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/netlink.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

class Tun {
public:
    static constexpr std::size_t vnet_header_size = 10;
    static constexpr std::size_t max_packet_size = 65535;
    static constexpr std::size_t read_size = vnet_header_size + max_packet_size;

    /// Creates device `name` (1 to 15 bytes), down, without addresses, IFF_VNET_HDR with
    /// checksum, TSO4/6, ECN and, where the kernel has them, USO4/6 offloads; non-blocking.
    /// Errors: EPERM without CAP_NET_ADMIN (with a hint); EBUSY, a live process holds it.
    [[nodiscard]] static Result<Tun> open(std::string_view name);

    /// Sets MTU, replaces the global addresses by `addresses` (interface form, "10.0.0.2/24";
    /// IPv6 with nodad; no link-local address is generated), brings the device up. Idempotent.
    /// Where the host has IPv6 switched off, IPv6 addresses are left out with a warning.
    [[nodiscard]] Status configure(const std::vector<Prefix>& addresses, std::uint32_t mtu);

    /// Reads one packet with its 10-byte virtio header in front. `buffer` must hold read_size.
    /// Yields the size; 0 when nothing waits. Errors: EIO while the device is down yields 0.
    [[nodiscard]] Result<std::size_t> read(MutBytes buffer);

    /// Writes one packet: 10-byte virtio header and packet in separate places (writev).
    /// A header that the kernel dislikes is EINVAL: count it as a drop.
    [[nodiscard]] Status write(Bytes vnet_header, Bytes packet);

    /// False before Linux 6.2: UDP super-packets must be cut before write().
    [[nodiscard]] bool takes_udp_segments() const noexcept { return takes_udp_segments_; }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] int index() const noexcept { return index_; }

private:
    Tun(Fd fd, std::string name, int index, bool takes_udp_segments) noexcept;
    Fd fd_;
    std::string name_;
    int index_;
    bool takes_udp_segments_;
};

} // namespace braid
