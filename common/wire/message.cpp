#include "common/wire/message.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>

namespace braid {
namespace {

enum class MessageType : std::uint8_t {
    hello = 1,
    tunnel_config = 2,
    ping = 3,
    pong = 4,
    close = 5,
    lane_hello = 6,
    subflow_lost = 7,
    pressure = 8,
};

tl::unexpected<Error> malformed(std::string_view reason)
{
    return fail(std::errc::protocol_error, std::string{"message: "}.append(reason));
}

bool is_printable(char c)
{
    return c >= 0x20 && c <= 0x7e;
}

void put(WireWriter& out, MessageType type)
{
    out.u8(static_cast<std::uint8_t>(type));
}

void put_software(WireWriter& out, const std::string& software)
{
    assert(software.size() <= max_software_size && std::ranges::all_of(software, is_printable));
    out.u8(narrow<std::uint8_t>(software.size()));
    out.bytes(as_bytes(software));
}

void put_address(WireWriter& out, const Address& address)
{
    out.u8(static_cast<std::uint8_t>(address.family()));
    out.bytes(address.bytes());
}

void put(WireWriter& out, const Hello& hello)
{
    put(out, MessageType::hello);
    put_software(out, hello.software);
}

void put(WireWriter& out, const TunnelConfig& config)
{
    assert(config.mtu >= min_mtu && config.mtu <= max_mtu);
    assert(config.addresses.size() <= max_addresses);
    assert(config.server_addresses.size() <= max_addresses);
    put(out, MessageType::tunnel_config);
    out.u16(config.mtu);
    out.u8(narrow<std::uint8_t>(config.addresses.size()));
    for (const auto& prefix : config.addresses) {
        put_address(out, prefix.address);
        out.u8(prefix.length);
    }
    out.u8(narrow<std::uint8_t>(config.server_addresses.size()));
    for (const auto& address : config.server_addresses) put_address(out, address);
    put_software(out, config.software);
}

void put(WireWriter& out, const Ping& ping)
{
    put(out, MessageType::ping);
    out.u64(ping.number);
}

void put(WireWriter& out, const Pong& pong)
{
    put(out, MessageType::pong);
    out.u64(pong.number);
}

void put(WireWriter& out, const Close& close)
{
    put(out, MessageType::close);
    out.u8(static_cast<std::uint8_t>(close.reason));
}

void put(WireWriter& out, const LaneHello&)
{
    put(out, MessageType::lane_hello);
}

void put(WireWriter& out, const SubflowLost& lost)
{
    put(out, MessageType::subflow_lost);
    out.u8(lost.address_id);
}

void put(WireWriter& out, const Pressure& pressure)
{
    put(out, MessageType::pressure);
    out.u8(pressure.full ? 1 : 0);
}

Result<std::string> take_software(WireReader& in)
{
    const auto bytes = in.take(in.u8());
    if (!in.ok()) return malformed("software cut short");
    if (bytes.size() > max_software_size) return malformed("software is too long");
    std::string text;
    for (const auto b : bytes) text.push_back(std::to_integer<char>(b));
    if (!std::ranges::all_of(text, is_printable)) return malformed("software is not printable");
    return text;
}

Result<Address> take_address(WireReader& in)
{
    const auto family = Family{in.u8()};
    if (in.ok() && family != Family::v4 && family != Family::v6)
        return malformed("unknown address family");
    const auto bytes = in.take(family == Family::v4 ? 4 : 16);
    if (!in.ok()) return malformed("address cut short");
    const auto address = Address::from_bytes(bytes);
    if (address.family() != family) return malformed("v4-mapped IPv6 address");
    return address;
}

Result<Prefix> take_prefix(WireReader& in)
{
    const auto address = take_address(in);
    if (!address) return fail(address.error());
    const Prefix prefix{.address = *address, .length = in.u8()};
    if (!in.ok()) return malformed("prefix cut short");
    if (prefix.length > address->bits()) return malformed("prefix length out of bounds");
    return prefix;
}

/// A counted list, each element taken by `take`.
template <typename T>
Result<std::vector<T>> take_list(WireReader& in, Result<T> (*take)(WireReader&))
{
    const std::size_t count = in.u8();
    if (!in.ok()) return malformed("list cut short");
    if (count > max_addresses) return malformed("too many addresses");
    std::vector<T> list;
    list.reserve(count);
    while (list.size() < count) {
        const auto element = take(in);
        if (!element) return fail(element.error());
        list.push_back(*element);
    }
    return list;
}

Result<Message> decode_hello(WireReader& in)
{
    auto software = take_software(in);
    if (!software) return fail(software.error());
    return Hello{.software = *std::move(software)};
}

Result<Message> decode_tunnel_config(WireReader& in)
{
    const auto mtu = in.u16();
    if (!in.ok()) return malformed("tunnel config cut short");
    if (mtu < min_mtu || mtu > max_mtu) return malformed("MTU out of bounds");
    auto addresses = take_list(in, take_prefix);
    if (!addresses) return fail(addresses.error());
    auto server_addresses = take_list(in, take_address);
    if (!server_addresses) return fail(server_addresses.error());
    auto software = take_software(in);
    if (!software) return fail(software.error());
    return TunnelConfig{.addresses = *std::move(addresses),
                        .server_addresses = *std::move(server_addresses),
                        .mtu = mtu,
                        .software = *std::move(software)};
}

template <typename T>
Result<Message> decode_number(WireReader& in)
{
    const auto number = in.u64();
    if (!in.ok()) return malformed("number cut short");
    return T{.number = number};
}

Result<Message> decode_close(WireReader& in)
{
    const auto reason = CloseReason{in.u8()};
    if (!in.ok()) return malformed("close cut short");
    if (reason < CloseReason::stopping || reason > CloseReason::fault)
        return malformed("unknown close reason");
    return Close{.reason = reason};
}

Result<Message> decode_subflow_lost(WireReader& in)
{
    const auto address_id = in.u8();
    if (!in.ok()) return malformed("subflow lost cut short");
    return SubflowLost{.address_id = address_id};
}

Result<Message> decode_pressure(WireReader& in)
{
    const auto full = in.u8();
    if (!in.ok()) return malformed("pressure cut short");
    if (full > 1) return malformed("pressure is neither 0 nor 1");
    return Pressure{.full = full == 1};
}

} // namespace

std::vector<std::byte> encode_message(const Message& message)
{
    std::array<std::byte, max_message_size> buffer{};
    WireWriter out{buffer};
    std::visit([&out](const auto& known) { put(out, known); }, message);
    assert(out.ok());
    const auto written = out.written();
    return {written.begin(), written.end()};
}

Result<std::optional<Message>> decode_message(Bytes payload)
{
    if (payload.empty()) return malformed("empty");
    if (payload.size() > max_message_size) return malformed("too large");
    WireReader in{payload};
    switch (MessageType{in.u8()}) {
    case MessageType::hello: return decode_hello(in);
    case MessageType::tunnel_config: return decode_tunnel_config(in);
    case MessageType::ping: return decode_number<Ping>(in);
    case MessageType::pong: return decode_number<Pong>(in);
    case MessageType::close: return decode_close(in);
    case MessageType::lane_hello: return LaneHello{};
    case MessageType::subflow_lost: return decode_subflow_lost(in);
    case MessageType::pressure: return decode_pressure(in);
    }
    return std::nullopt;
}

} // namespace braid
