/// IP addresses, prefixes and endpoints: parse, print, and the kernel's forms both ways.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace braid {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

/// An IPv4 or IPv6 address. A v4-mapped IPv6 address is always held as IPv4.
class Address {
public:
    constexpr Address() noexcept = default; ///< 0.0.0.0

    /// From 4 or 16 network-order bytes (any other size is a programmer error).
    [[nodiscard]] static Address from_bytes(Bytes bytes) noexcept;
    /// Errors: invalid_argument, not an address in the usual text forms.
    [[nodiscard]] static Result<Address> parse(std::string_view text);
    /// The wildcard of a family.
    [[nodiscard]] static Address any(Family family) noexcept;

    [[nodiscard]] Family family() const noexcept { return family_; }
    /// 4 or 16 bytes in network order, borrowed from this object.
    [[nodiscard]] Bytes bytes() const noexcept;
    [[nodiscard]] std::uint8_t bits() const noexcept { return family_ == Family::v4 ? 32 : 128; }
    [[nodiscard]] bool is_any() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] bool is_link_local() const noexcept;
    [[nodiscard]] bool is_multicast() const noexcept;
    [[nodiscard]] std::string text() const;

    auto operator<=>(const Address&) const noexcept = default;

private:
    Family family_ = Family::v4;
    std::array<std::byte, 16> bytes_{}; ///< IPv4 uses the first four
};

/// An address with a prefix length: an interface address (host bits kept) or a network.
struct Prefix {
    Address address;
    std::uint8_t length = 0;

    /// "10.0.0.0/8", "fd00::/8"; without a length a single host. Host bits are kept.
    [[nodiscard]] static Result<Prefix> parse(std::string_view text);
    [[nodiscard]] static Prefix host(const Address& address) noexcept
    {
        return {address, address.bits()};
    }
    [[nodiscard]] bool contains(const Address& other) const noexcept;
    [[nodiscard]] bool is_host() const noexcept { return length == address.bits(); }
    [[nodiscard]] bool has_host_bits() const noexcept { return network().address != address; }
    /// The same prefix with its host bits cleared.
    [[nodiscard]] Prefix network() const noexcept;
    [[nodiscard]] std::string text() const;

    auto operator<=>(const Prefix&) const noexcept = default;
};

/// An address and a port.
struct Endpoint {
    Address address;
    std::uint16_t port = 0; ///< host order

    /// "192.0.2.1:8684" or "[2001:db8::1]:8684".
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);
    [[nodiscard]] static Result<Endpoint> from_sockaddr(const sockaddr_storage& from) noexcept;
    /// An AF_INET6 socket address, IPv4 as v4-mapped, so that one socket family serves both.
    [[nodiscard]] sockaddr_storage mapped_sockaddr() const noexcept;
    [[nodiscard]] std::string text() const;

    auto operator<=>(const Endpoint&) const noexcept = default;
};

/// A name or address with a port, as people write it in configs: "host:port", "[v6]:port".
struct HostPort {
    std::string host;
    std::uint16_t port = 0;

    /// Errors: invalid_argument when the port is missing or not 1..65535, or the host is empty.
    [[nodiscard]] static Result<HostPort> parse(std::string_view text);
    [[nodiscard]] std::string text() const;

    auto operator<=>(const HostPort&) const noexcept = default;
};

} // namespace braid
