#include "common/sys/mptcp_pm.hpp"

#include "common/sys/netlink_attribute.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <utility>

namespace braid {
namespace {

/// How an IPv4 endpoint is told: subflows that this side created are AF_INET sockets, but the
/// first subflow of an AF_INET6 connection, and all that a dual-stack listener accepted, are
/// AF_INET6 sockets with v4-mapped addresses; the kernel compares the families too.
enum class Form { plain, mapped };

struct GenericFamily {
    std::uint16_t id = 0;
    std::optional<std::uint32_t> event_group;
};

/// The multicast group of one entry of CTRL_ATTR_MCAST_GROUPS, if it has the events.
std::optional<std::uint32_t> event_group(Bytes entry)
{
    std::optional<std::uint32_t> id;
    bool is_events = false;
    for_each_attribute(entry, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == CTRL_ATTR_MCAST_GRP_ID) id = attribute.as<std::uint32_t>();
        if (attribute.type == CTRL_ATTR_MCAST_GRP_NAME)
            is_events = attribute.text() == MPTCP_PM_EV_GRP_NAME;
    });
    return is_events ? id : std::nullopt;
}

GenericFamily parse_family(const nlmsghdr& message)
{
    GenericFamily family;
    for_each_attribute<genlmsghdr>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == CTRL_ATTR_FAMILY_ID)
            family.id = attribute.as<std::uint16_t>().value_or(0);
        if (attribute.type != CTRL_ATTR_MCAST_GROUPS) return;
        for_each_attribute(attribute.value, [&](const NetlinkAttribute& entry) {
            if (const auto group = event_group(entry.value)) family.event_group = group;
        });
    });
    return family;
}

Result<GenericFamily> find_family(Netlink& netlink)
{
    NetlinkRequest request{GENL_ID_CTRL, 0};
    request.header<genlmsghdr>().cmd = CTRL_CMD_GETFAMILY;
    request.put_text(CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
    GenericFamily family;
    const auto status =
        netlink.request(request, "find netlink family " MPTCP_PM_NAME,
                        [&](const nlmsghdr& message) { family = parse_family(message); });
    if (!status && status.error().code == std::errc::no_such_file_or_directory)
        return fail(std::errc::not_supported, "this kernel has no MPTCP path manager interface",
                    "Linux 6.1 or later with CONFIG_MPTCP is needed");
    if (!status) return fail(status.error());
    if (!family.event_group)
        return fail(std::errc::not_supported, "this kernel reports no MPTCP events",
                    "Linux 6.1 or later is needed");
    return family;
}

void put_ip(NetlinkRequest& request, const Address& address, Form form)
{
    if (address.family() == Family::v4 && form == Form::plain) {
        request.put_u16(MPTCP_PM_ADDR_ATTR_FAMILY, AF_INET);
        request.put(MPTCP_PM_ADDR_ATTR_ADDR4, address.bytes());
        return;
    }
    const auto mapped = std::bit_cast<std::array<std::byte, sizeof(sockaddr_storage)>>(
        Endpoint{address, 0}.mapped_sockaddr());
    request.put_u16(MPTCP_PM_ADDR_ATTR_FAMILY, AF_INET6);
    request.put(MPTCP_PM_ADDR_ATTR_ADDR6,
                Bytes{mapped}.subspan(offsetof(sockaddr_in6, sin6_addr), sizeof(in6_addr)));
}

void put_endpoint(NetlinkRequest& request, std::uint16_t attribute, const Endpoint& endpoint,
                  Form form, std::optional<std::uint32_t> flags = std::nullopt)
{
    request.nest(attribute, [&] {
        put_ip(request, endpoint.address, form);
        request.put_u16(MPTCP_PM_ADDR_ATTR_PORT, endpoint.port);
        if (flags) request.put_u32(MPTCP_PM_ADDR_ATTR_FLAGS, *flags);
    });
}

/// Runs `attempt` with both forms of an IPv4 pair in turn until the kernel knows the subflow.
template <typename Attempt>
Status with_either_form(const Endpoint& local, Attempt attempt)
{
    Status first = attempt(Form::plain);
    if (first || local.address.family() == Family::v6) return first;
    Status second = attempt(Form::mapped);
    return second ? second : first;
}

std::string subflow_text(const Endpoint& local, const Endpoint& remote)
{
    return local.text() + " to " + remote.text();
}

MptcpEvent::Kind event_kind(std::uint8_t command)
{
    switch (command) {
    case MPTCP_EVENT_CREATED: return MptcpEvent::Kind::created;
    case MPTCP_EVENT_ESTABLISHED: return MptcpEvent::Kind::established;
    case MPTCP_EVENT_CLOSED: return MptcpEvent::Kind::closed;
    case MPTCP_EVENT_SUB_ESTABLISHED: return MptcpEvent::Kind::subflow_established;
    case MPTCP_EVENT_SUB_CLOSED: return MptcpEvent::Kind::subflow_closed;
    case MPTCP_EVENT_SUB_PRIORITY: return MptcpEvent::Kind::subflow_priority;
    default: return MptcpEvent::Kind::other; // Later kernels have more.
    }
}

/// The two halves of an endpoint, in the order that the kernel chose.
struct EndpointParts {
    std::optional<Address> address;
    std::uint16_t port = 0;

    void set_address(const NetlinkAttribute& attribute, std::size_t size)
    {
        if (attribute.value.size() == size) address = Address::from_bytes(attribute.value);
    }
    void set_port(const NetlinkAttribute& attribute)
    {
        port = WireReader{attribute.value}.u16(); // Network order, unlike in commands.
    }
    [[nodiscard]] std::optional<Endpoint> whole() const
    {
        if (!address) return std::nullopt;
        return Endpoint{*address, port};
    }
};

void parse_endpoints(const NetlinkAttribute& attribute, EndpointParts& local, EndpointParts& remote)
{
    switch (attribute.type) {
    case MPTCP_ATTR_SADDR4: return local.set_address(attribute, sizeof(in_addr));
    case MPTCP_ATTR_SADDR6: return local.set_address(attribute, sizeof(in6_addr));
    case MPTCP_ATTR_SPORT: return local.set_port(attribute);
    case MPTCP_ATTR_DADDR4: return remote.set_address(attribute, sizeof(in_addr));
    case MPTCP_ATTR_DADDR6: return remote.set_address(attribute, sizeof(in6_addr));
    case MPTCP_ATTR_DPORT: return remote.set_port(attribute);
    default: return;
    }
}

std::optional<MptcpEvent> parse_event(const nlmsghdr& message)
{
    const auto header = netlink_header<genlmsghdr>(message);
    if (!header) return std::nullopt;
    MptcpEvent event{.kind = event_kind(header->cmd)};
    EndpointParts local;
    EndpointParts remote;
    for_each_attribute<genlmsghdr>(message, [&](const NetlinkAttribute& attribute) {
        parse_endpoints(attribute, local, remote);
        const std::uint8_t octet = attribute.as<std::uint8_t>().value_or(0);
        if (attribute.type == MPTCP_ATTR_TOKEN)
            event.token = attribute.as<std::uint32_t>().value_or(0);
        if (attribute.type == MPTCP_ATTR_LOC_ID) event.local_id = octet;
        if (attribute.type == MPTCP_ATTR_ERROR) event.error = octet;
        if (attribute.type == MPTCP_ATTR_BACKUP) event.backup = octet != 0;
        if (attribute.type == MPTCP_ATTR_IF_IDX)
            event.interface_index = attribute.as<int>().value_or(0);
    });
    event.local = local.whole();
    event.remote = remote.whole();
    return event;
}

} // namespace

MptcpPm::MptcpPm(Netlink commands, Netlink events, std::uint16_t family) noexcept
    : commands_(std::move(commands)), events_(std::move(events)), family_(family)
{
}

Result<MptcpPm> MptcpPm::open()
{
    auto commands = Netlink::open(NETLINK_GENERIC);
    if (!commands) return fail(commands.error());
    const auto family = find_family(*commands);
    if (!family) return fail(family.error());
    auto events = Netlink::open(NETLINK_GENERIC, {*family->event_group});
    if (!events) return fail(events.error(), "listen to MPTCP events");
    return MptcpPm{std::move(*commands), std::move(*events), family->id};
}

NetlinkRequest MptcpPm::command(std::uint8_t number, std::uint16_t flags) const
{
    NetlinkRequest request{family_, flags};
    auto& header = request.header<genlmsghdr>();
    header.cmd = number;
    header.version = MPTCP_PM_VER;
    return request;
}

Status MptcpPm::create_subflow(const NewSubflow& subflow)
{
    auto request = command(MPTCP_PM_CMD_SUBFLOW_CREATE);
    request.nest(MPTCP_PM_ATTR_ADDR, [&] {
        put_ip(request, subflow.local, Form::plain);
        request.put_u8(MPTCP_PM_ADDR_ATTR_ID, subflow.local_id);
        request.put_u32(MPTCP_PM_ADDR_ATTR_IF_IDX,
                        static_cast<std::uint32_t>(subflow.interface_index));
        if (subflow.backup) request.put_u32(MPTCP_PM_ADDR_ATTR_FLAGS, MPTCP_PM_ADDR_FLAG_BACKUP);
    });
    request.put_u32(MPTCP_PM_ATTR_TOKEN, subflow.token);
    put_endpoint(request, MPTCP_PM_ATTR_ADDR_REMOTE, subflow.remote, Form::plain);
    return commands_.request(request, "create subflow from " + subflow.local.text() + " to " +
                                          subflow.remote.text());
}

Status MptcpPm::remove_address(std::uint32_t token, std::uint8_t local_id)
{
    auto request = command(MPTCP_PM_CMD_REMOVE);
    request.put_u32(MPTCP_PM_ATTR_TOKEN, token);
    request.put_u8(MPTCP_PM_ATTR_LOC_ID, local_id);
    return commands_.request(request, "remove MPTCP address " + std::to_string(local_id));
}

Status MptcpPm::destroy_subflow(std::uint32_t token, const Endpoint& local, const Endpoint& remote)
{
    return with_either_form(local, [&](Form form) {
        auto request = command(MPTCP_PM_CMD_SUBFLOW_DESTROY);
        put_endpoint(request, MPTCP_PM_ATTR_ADDR, local, form);
        request.put_u32(MPTCP_PM_ATTR_TOKEN, token);
        put_endpoint(request, MPTCP_PM_ATTR_ADDR_REMOTE, remote, form);
        return commands_.request(request, "destroy subflow " + subflow_text(local, remote));
    });
}

Status MptcpPm::set_backup(std::uint32_t token, const Endpoint& local, const Endpoint& remote,
                           bool backup)
{
    const std::uint32_t flags = backup ? MPTCP_PM_ADDR_FLAG_BACKUP : 0;
    return with_either_form(local, [&](Form form) {
        auto request = command(MPTCP_PM_CMD_SET_FLAGS);
        put_endpoint(request, MPTCP_PM_ATTR_ADDR, local, form, flags);
        request.put_u32(MPTCP_PM_ATTR_TOKEN, token);
        put_endpoint(request, MPTCP_PM_ATTR_ADDR_REMOTE, remote, form);
        return commands_.request(request, "set priority of subflow " + subflow_text(local, remote));
    });
}

Result<MptcpPm::Limits> MptcpPm::limits()
{
    auto request = command(MPTCP_PM_CMD_GET_LIMITS);
    Limits limits;
    const auto status =
        commands_.request(request, "get MPTCP limits", [&](const nlmsghdr& message) {
            for_each_attribute<genlmsghdr>(message, [&](const NetlinkAttribute& attribute) {
                const auto value = attribute.as<std::uint32_t>().value_or(0);
                if (attribute.type == MPTCP_PM_ATTR_SUBFLOWS) limits.subflows = value;
                if (attribute.type == MPTCP_PM_ATTR_RCV_ADD_ADDRS) limits.add_addr_accepted = value;
            });
        });
    if (!status) return fail(status.error());
    return limits;
}

Status MptcpPm::set_limits(const Limits& limits)
{
    auto request = command(MPTCP_PM_CMD_SET_LIMITS);
    request.put_u32(MPTCP_PM_ATTR_RCV_ADD_ADDRS, limits.add_addr_accepted);
    request.put_u32(MPTCP_PM_ATTR_SUBFLOWS, limits.subflows);
    return commands_.request(request,
                             "set MPTCP limit of " + std::to_string(limits.subflows) + " subflows");
}

int MptcpPm::events_fd() const noexcept
{
    return events_.fd();
}

Status MptcpPm::receive(const std::function<void(const MptcpEvent&)>& on_event)
{
    return events_.receive([&](const nlmsghdr& message) {
        if (message.nlmsg_type != family_) return;
        if (const auto event = parse_event(message)) on_event(*event);
    });
}

} // namespace braid
