#include "common/sys/tun.hpp"

#include "common/sys/netlink_attribute.hpp"
#include "common/sys/privilege.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <optional>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace braid {
namespace {

constexpr unsigned long uso4 = 0x20; ///< TUN_F_USO4, 0x40 TUN_F_USO6: Linux 6.2, not in every
constexpr unsigned long uso6 = 0x40; ///< distribution's if_tun.h
constexpr unsigned long basic_offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
constexpr std::uint32_t transmit_queue_length = 1000; ///< packets; the daemon drains at once

bool is_good_name(std::string_view name)
{
    const auto is_bad = [](char c) {
        return c <= ' ' || c == '/' || c == ':' || c == '%' || c > '~';
    };
    return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
           std::ranges::none_of(name, is_bad);
}

tl::unexpected<Error> fail_set_up(std::string_view attempt, std::string_view object)
{
    auto failed = fail_errno(attempt, object);
    Error& error = failed.value();
    if (error.code == std::errc::operation_not_permitted ||
        error.code == std::errc::permission_denied)
        error.hint = "run as root or with CAP_NET_ADMIN";
    else if (error.code == std::errc::device_or_resource_busy)
        error.hint = "another process uses this device: choose another name or end that process";
    else if (error.code == std::errc::invalid_argument)
        error.hint = "a device of this name exists that is not a plain TUN";
    else if (error.code == std::errc::no_such_file_or_directory ||
             error.code == std::errc::no_such_device)
        error.hint = "load the kernel module: modprobe tun";
    return failed;
}

/// The device is root's own on some hosts (mode 0600): a daemon that runs as another user has kept
/// what it takes to open it.
Result<Fd> open_device()
{
    const RaisedCapability raised{CAP_DAC_OVERRIDE};
    Fd fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return fail_set_up("open", "/dev/net/tun");
    return fd;
}

/// Yields whether the kernel takes UDP super-packets.
Result<bool> enable_offloads(int fd, std::string_view name)
{
    const int header_size = Tun::vnet_header_size;
    if (::ioctl(fd, TUNSETVNETHDRSZ, &header_size) < 0) return fail_set_up("TUNSETVNETHDRSZ", name);
    if (::ioctl(fd, TUNSETOFFLOAD, basic_offloads | uso4 | uso6) == 0) return true;
    if (::ioctl(fd, TUNSETOFFLOAD, basic_offloads) == 0) return false;
    return fail_set_up("TUNSETOFFLOAD", name);
}

int kernel_family(Family family)
{
    return family == Family::v4 ? AF_INET : AF_INET6;
}

/// A change of one link.
NetlinkRequest link_request(int index, unsigned flags_on)
{
    NetlinkRequest request{RTM_NEWLINK, 0};
    auto& header = request.header<ifinfomsg>();
    header.ifi_index = index;
    header.ifi_flags = flags_on;
    header.ifi_change = flags_on;
    return request;
}

/// An address to add (RTM_NEWADDR) or delete (RTM_DELADDR).
NetlinkRequest address_request(std::uint16_t type, std::uint16_t flags, int index,
                               const Prefix& prefix)
{
    NetlinkRequest request{type, flags};
    const Family family = prefix.address.family();
    auto& header = request.header<ifaddrmsg>();
    header.ifa_family = narrow<std::uint8_t>(kernel_family(family));
    header.ifa_prefixlen = prefix.length;
    header.ifa_index = narrow<std::uint32_t>(index);
    // No neighbour can have a duplicate on a TUN: usable at once.
    if (family == Family::v6) header.ifa_flags = IFA_F_NODAD;
    request.put(IFA_LOCAL, prefix.address.bytes());
    request.put(IFA_ADDRESS, prefix.address.bytes());
    return request;
}

/// The address of an RTM_NEWADDR message, if it is a global one of that interface.
std::optional<Prefix> global_address(const nlmsghdr& message, int index)
{
    const auto header = netlink_header<ifaddrmsg>(message);
    if (!header || std::cmp_not_equal(header->ifa_index, index)) return std::nullopt;
    const bool known = header->ifa_family == AF_INET || header->ifa_family == AF_INET6;
    if (!known || header->ifa_scope == RT_SCOPE_LINK) return std::nullopt;

    const std::size_t size = header->ifa_family == AF_INET ? 4 : 16;
    std::optional<Address> local;
    std::optional<Address> peer; // IPv6 tells IFA_LOCAL only where it has a peer.
    for_each_attribute<ifaddrmsg>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.value.size() != size) return;
        if (attribute.type == IFA_LOCAL) local = Address::from_bytes(attribute.value);
        if (attribute.type == IFA_ADDRESS) peer = Address::from_bytes(attribute.value);
    });
    if (!local) local = peer;
    if (!local) return std::nullopt;
    return Prefix{*local, header->ifa_prefixlen};
}

/// Brings one device to what is wanted of it.
class Configurator {
public:
    Configurator(Netlink netlink, const std::string& name, int index)
        : netlink_(std::move(netlink)), name_(name), index_(index)
    {
    }

    Status set_link(std::uint32_t mtu)
    {
        auto request = link_request(index_, 0);
        request.put_u32(IFLA_MTU, mtu);
        request.put_u32(IFLA_TXQLEN, transmit_queue_length);
        return netlink_.request(request, "set MTU " + std::to_string(mtu) + " of " + name_);
    }

    Status forbid_link_local()
    {
        auto request = link_request(index_, 0);
        request.nest(IFLA_AF_SPEC, [&] {
            request.nest(AF_INET6,
                         [&] { request.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
        });
        auto done = netlink_.request(request, "set IPv6 address generation of " + name_);
        // A host without IPv6 generates no addresses either.
        if (!done && done.error().code == std::errc::address_family_not_supported) return {};
        return done;
    }

    Status set_addresses(const std::vector<Prefix>& wanted)
    {
        // Deletes first, then looks again: with an IPv4 address go its secondaries.
        auto present = addresses();
        if (!present) return fail(present.error());
        for (const Prefix& prefix : *present) {
            if (std::ranges::find(wanted, prefix) != wanted.end()) continue;
            if (auto done = remove(prefix); !done) return done;
        }
        present = addresses();
        if (!present) return fail(present.error());
        for (const Prefix& prefix : wanted) {
            if (std::ranges::find(*present, prefix) != present->end()) continue;
            if (auto done = add(prefix); !done && !is_switched_off(prefix, done.error()))
                return done;
        }
        return {};
    }

    Status bring_up()
    {
        auto request = link_request(index_, IFF_UP);
        return netlink_.request(request, "bring up " + name_);
    }

private:
    Result<std::vector<Prefix>> addresses()
    {
        NetlinkRequest request{RTM_GETADDR, NLM_F_DUMP};
        request.header<ifaddrmsg>().ifa_index = narrow<std::uint32_t>(index_);
        std::vector<Prefix> found;
        const auto status =
            netlink_.request(request, "list addresses of " + name_, [&](const nlmsghdr& message) {
                if (const auto prefix = global_address(message, index_)) found.push_back(*prefix);
            });
        if (!status) return fail(status.error());
        return found;
    }

    Status add(const Prefix& prefix)
    {
        auto request = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index_, prefix);
        return netlink_.request(request, "add address " + prefix.text() + " to " + name_);
    }

    /// The host has no IPv6: the tunnel serves without.
    [[nodiscard]] bool is_switched_off(const Prefix& prefix, const Error& error) const
    {
        const bool off = prefix.address.family() == Family::v6 &&
                         (error.code == std::errc::permission_denied ||
                          error.code == std::errc::operation_not_supported ||
                          error.code == std::errc::address_family_not_supported);
        if (off)
            spdlog::warn("address left out, IPv6 is switched off address={} tun={}", prefix.text(),
                         name_);
        return off;
    }

    Status remove(const Prefix& prefix)
    {
        auto request = address_request(RTM_DELADDR, 0, index_, prefix);
        auto done = netlink_.request(request, "remove address " + prefix.text() + " from " + name_);
        if (!done && done.error().code == std::errc::address_not_available) return {};
        return done;
    }

    Netlink netlink_;
    const std::string& name_;
    int index_;
};

} // namespace

Tun::Tun(Fd fd, std::string name, int index, bool takes_udp_segments) noexcept
    : fd_(std::move(fd)),
      name_(std::move(name)),
      index_(index),
      takes_udp_segments_(takes_udp_segments)
{
}

Result<Tun> Tun::open(std::string_view name)
{
    if (!is_good_name(name))
        return fail(std::errc::invalid_argument,
                    std::string{"'"}.append(name).append("' is no name for a TUN device"),
                    "use 1 to 15 letters, digits, '-', '_' or '.'");

    auto fd = open_device();
    if (!fd) return fail(fd.error());

    ifreq request{};
    std::ranges::copy(name, request.ifr_name);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (::ioctl(fd->get(), TUNSETIFF, &request) < 0) return fail_set_up("TUNSETIFF", name);
    const auto takes_udp = enable_offloads(fd->get(), name);
    if (!takes_udp) return fail(takes_udp.error());

    const unsigned index = ::if_nametoindex(request.ifr_name);
    if (index == 0) return fail_errno("if_nametoindex", name);
    return Tun{std::move(*fd), std::string{name}, narrow<int>(index), *takes_udp};
}

Status Tun::configure(const std::vector<Prefix>& addresses, std::uint32_t mtu)
{
    auto netlink = Netlink::open(NETLINK_ROUTE);
    if (!netlink) return fail(netlink.error());
    Configurator device{std::move(*netlink), name_, index_};
    return device.set_link(mtu)
        .and_then([&] { return device.forbid_link_local(); })
        .and_then([&] { return device.set_addresses(addresses); })
        .and_then([&] { return device.bring_up(); });
}

Result<std::size_t> Tun::read(MutBytes buffer)
{
    assert(buffer.size() >= read_size);
    const auto size = ::read(fd_.get(), buffer.data(), buffer.size());
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EAGAIN || errno == EIO) return std::size_t{0};
    return fail_errno("read", name_);
}

Status Tun::write(Bytes vnet_header, Bytes packet)
{
    assert(vnet_header.size() == vnet_header_size);
    // writev(2) does not write to what it is given; iovec is also the type of readv(2).
    const std::array<iovec, 2> parts{{
        {.iov_base = const_cast<std::byte*>(vnet_header.data()), .iov_len = vnet_header.size()},
        {.iov_base = const_cast<std::byte*>(packet.data()), .iov_len = packet.size()},
    }};
    if (::writev(fd_.get(), parts.data(), static_cast<int>(parts.size())) < 0)
        return fail_errno("write", name_);
    return {};
}

} // namespace braid
