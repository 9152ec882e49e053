#include "common/base/ip.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <netinet/in.h>
#include <optional>
#include <utility>

namespace braid {
namespace {

constexpr std::array<std::byte, 12> mapped_head{
    std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0},    std::byte{0},
    std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0xff}, std::byte{0xff}};

template <typename T>
std::optional<T> parse_number(std::string_view text)
{
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

tl::unexpected<Error> not_a(std::string_view what, std::string_view text, std::string hint = {})
{
    return fail(std::errc::invalid_argument,
                std::string{"'"}.append(text).append("' is not ").append(what), std::move(hint));
}

} // namespace

Address Address::from_bytes(Bytes bytes) noexcept
{
    assert(bytes.size() == 4 || bytes.size() == 16);
    Address address;
    const bool mapped =
        bytes.size() == 16 && std::ranges::equal(bytes.first(mapped_head.size()), mapped_head);
    if (mapped) bytes = bytes.subspan(mapped_head.size());
    address.family_ = bytes.size() == 4 ? Family::v4 : Family::v6;
    std::ranges::copy(bytes, address.bytes_.begin());
    return address;
}

Result<Address> Address::parse(std::string_view text)
{
    const std::string terminated{text};
    if (terminated.find('\0') != std::string::npos) return not_a("an IP address", text);
    std::array<std::byte, 16> raw{};
    if (::inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1)
        return from_bytes(Bytes{raw}.first(4));
    if (::inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return from_bytes(raw);
    return not_a("an IP address", text);
}

Address Address::any(Family family) noexcept
{
    Address address;
    address.family_ = family;
    return address;
}

Bytes Address::bytes() const noexcept
{
    return Bytes{bytes_}.first(family_ == Family::v4 ? 4 : 16);
}

bool Address::is_any() const noexcept
{
    return *this == any(family_);
}

bool Address::is_loopback() const noexcept
{
    if (family_ == Family::v4) return bytes_[0] == std::byte{127};
    return std::ranges::all_of(Bytes{bytes_}.first(15),
                               [](std::byte b) { return b == std::byte{}; }) &&
           bytes_[15] == std::byte{1};
}

bool Address::is_link_local() const noexcept
{
    if (family_ == Family::v4) return bytes_[0] == std::byte{169} && bytes_[1] == std::byte{254};
    return bytes_[0] == std::byte{0xfe} && (bytes_[1] & std::byte{0xc0}) == std::byte{0x80};
}

bool Address::is_multicast() const noexcept
{
    if (family_ == Family::v4) return (bytes_[0] & std::byte{0xf0}) == std::byte{0xe0};
    return bytes_[0] == std::byte{0xff};
}

std::string Address::text() const
{
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    ::inet_ntop(family_ == Family::v4 ? AF_INET : AF_INET6, bytes_.data(), buffer.data(),
                buffer.size());
    return buffer.data();
}

Result<Prefix> Prefix::parse(std::string_view text)
{
    const auto slash = text.find('/');
    const auto address = Address::parse(text.substr(0, slash));
    if (!address) return not_a("an IP prefix", text);
    if (slash == std::string_view::npos) return host(*address);
    const auto length = parse_number<std::uint8_t>(text.substr(slash + 1));
    if (!length || *length > address->bits()) return not_a("an IP prefix", text);
    return Prefix{*address, *length};
}

bool Prefix::contains(const Address& other) const noexcept
{
    return other.family() == address.family() &&
           Prefix{other, length}.network().address == network().address;
}

Prefix Prefix::network() const noexcept
{
    std::array<std::byte, 16> masked{};
    const Bytes bytes = address.bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const int kept = std::clamp(length - static_cast<int>(i) * 8, 0, 8);
        masked[i] = bytes[i] & static_cast<std::byte>(0xff00 >> kept);
    }
    return {Address::from_bytes(Bytes{masked}.first(bytes.size())), length};
}

std::string Prefix::text() const
{
    return address.text() + "/" + std::to_string(length);
}

Result<Endpoint> Endpoint::parse(std::string_view text)
{
    const auto parts = HostPort::parse(text);
    if (!parts) return fail(parts.error());
    const auto address = Address::parse(parts->host);
    if (!address) return fail(address.error());
    return Endpoint{*address, parts->port};
}

Result<Endpoint> Endpoint::from_sockaddr(const sockaddr_storage& from) noexcept
{
    const auto bytes_of = [](const auto& field) { return std::as_bytes(std::span{&field, 1}); };
    if (from.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &from, sizeof v4);
        return Endpoint{Address::from_bytes(bytes_of(v4.sin_addr)), ntohs(v4.sin_port)};
    }
    if (from.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &from, sizeof v6);
        return Endpoint{Address::from_bytes(bytes_of(v6.sin6_addr)), ntohs(v6.sin6_port)};
    }
    return fail(std::errc::address_family_not_supported, "socket address");
}

sockaddr_storage Endpoint::mapped_sockaddr() const noexcept
{
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    const MutBytes to = std::as_writable_bytes(std::span{&v6.sin6_addr, 1});
    if (address.family() == Family::v4) {
        std::ranges::copy(mapped_head, to.begin());
        std::ranges::copy(address.bytes(), to.begin() + mapped_head.size());
    } else {
        std::ranges::copy(address.bytes(), to.begin());
    }
    sockaddr_storage storage{};
    std::memcpy(&storage, &v6, sizeof v6);
    return storage;
}

std::string Endpoint::text() const
{
    return HostPort{address.text(), port}.text();
}

Result<HostPort> HostPort::parse(std::string_view text)
{
    const auto colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    if (colon == std::string_view::npos || (bracketed && (colon == 0 || text[colon - 1] != ']')))
        return not_a("host:port", text);
    auto host = text.substr(0, colon);
    if (!bracketed && host.find(':') != std::string_view::npos)
        return not_a("host:port", text, "write an IPv6 address in brackets: [2001:db8::1]:8684");
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (host.empty() || !port || *port == 0) return not_a("host:port", text);
    return HostPort{std::string{host}, *port};
}

std::string HostPort::text() const
{
    const bool brackets = host.find(':') != std::string::npos;
    std::string text = brackets ? std::string{"["}.append(host).append("]") : host;
    return text.append(":").append(std::to_string(port));
}

} // namespace braid
