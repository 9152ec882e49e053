/// Reads the attributes of netlink messages. PURE.
#pragma once

#include "common/base/bytes.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <linux/netlink.h>
#include <optional>
#include <string_view>
#include <type_traits>

namespace braid {

/// One attribute, borrowed from its message.
struct NetlinkAttribute {
    std::uint16_t type = 0; ///< without the flag bits
    Bytes value;

    /// The value as a number or kernel struct; nullopt when it is shorter (longer ones come from
    /// newer kernels: their head is read).
    template <typename T>
    [[nodiscard]] std::optional<T> as() const noexcept
    {
        static_assert(std::is_trivially_copyable_v<T>);
        if (value.size() < sizeof(T)) return std::nullopt;
        T copy;
        std::memcpy(&copy, value.data(), sizeof copy);
        return copy;
    }

    /// The value as text, up to its final zero.
    [[nodiscard]] std::string_view text() const noexcept
    {
        const std::string_view all{static_cast<const char*>(static_cast<const void*>(value.data())),
                                   value.size()};
        return all.substr(0, all.find('\0'));
    }
};

/// The payload of a whole message (its length has been checked against its buffer), borrowed.
[[nodiscard]] inline Bytes netlink_payload(const nlmsghdr& message) noexcept
{
    const auto* const start = static_cast<const std::byte*>(static_cast<const void*>(&message));
    return Bytes{start, message.nlmsg_len}.subspan(NLMSG_HDRLEN);
}

/// The family header at the start of the payload; nullopt when the message is too short for it.
template <typename Header>
[[nodiscard]] std::optional<Header> netlink_header(const nlmsghdr& message) noexcept
{
    return NetlinkAttribute{0, netlink_payload(message)}.as<Header>();
}

/// Calls `on_attribute(const NetlinkAttribute&)` for each attribute of a sequence, which is the
/// value of a nested attribute or what follows a header. Stops at the first malformed one.
template <std::invocable<const NetlinkAttribute&> OnAttribute>
void for_each_attribute(Bytes sequence, OnAttribute on_attribute)
{
    constexpr std::size_t alignment = NLA_ALIGNTO;
    nlattr head{};
    while (sequence.size() >= sizeof head) {
        std::memcpy(&head, sequence.data(), sizeof head);
        const std::size_t size = head.nla_len;
        if (size < sizeof head || size > sequence.size()) return;
        on_attribute(NetlinkAttribute{static_cast<std::uint16_t>(head.nla_type & NLA_TYPE_MASK),
                                      sequence.first(size).subspan(sizeof head)});
        const std::size_t padded = (size + alignment - 1) / alignment * alignment;
        sequence = sequence.subspan(std::min(padded, sequence.size()));
    }
}

/// The same for the attributes behind a message's family header of type Header.
template <typename Header, std::invocable<const NetlinkAttribute&> OnAttribute>
void for_each_attribute(const nlmsghdr& message, OnAttribute on_attribute)
{
    constexpr std::size_t header_size =
        (sizeof(Header) + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
    const Bytes payload = netlink_payload(message);
    if (payload.size() > header_size)
        for_each_attribute(payload.subspan(header_size), on_attribute);
}

} // namespace braid
