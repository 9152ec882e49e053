#include "client/status_table.hpp"

#include "client/usage_status.hpp"
#include "common/admin/status_text.hpp"

namespace braid {
namespace {

using nlohmann::json;

std::string summary(const json& status)
{
    const auto& tun = member(status, "tun");
    TextTable table;
    table.add({"state", plain_text(member(status, "state"))});
    table.add({"server", plain_text(member(status, "server"))});
    table.add({"tunnel", plain_text(member(tun, "name")) + ": " +
                             plain_text(member(tun, "addresses")) + ", mtu " +
                             plain_text(member(tun, "mtu"))});
    table.add({"mptcp", plain_text(member(status, "mptcp"))});
    table.add({"policy", plain_text(member(status, "policy"))});
    if (const auto& error = member(status, "last_error"); !error.is_null())
        table.add({"last error", plain_text(error)});
    if (const auto& privileges = member(status, "privileges"); !privileges.is_null())
        table.add({"privileges", privileges_text(privileges)});
    return table.text();
}

std::string uplinks(const json& list)
{
    TextTable table{
        {"uplink", "priority", "state", "rtt", "sent", "received", "address", "reason"}};
    for (const auto& uplink : list) {
        table.add({plain_text(member(uplink, "interface")), plain_text(member(uplink, "priority")),
                   plain_text(member(uplink, "state")), rtt_text(member(uplink, "rtt_us")),
                   bytes_text(member(uplink, "tx_bytes")), bytes_text(member(uplink, "rx_bytes")),
                   plain_text(member(uplink, "address")), plain_text(member(uplink, "reason"))});
    }
    return "\n" + table.text();
}

/// Only uplinks that have a data cap.
std::string data_caps(const json& list)
{
    TextTable table;
    for (const auto& uplink : list) {
        const auto& data = member(uplink, "data");
        if (member(data, "at_cap").is_null()) continue;
        table.add({"data " + plain_text(member(uplink, "interface")), data_text(data),
                   "then " + plain_text(member(data, "at_cap"))});
    }
    const std::string text = table.text();
    return text.empty() ? text : "\n" + text;
}

std::string lane(const json& status)
{
    const std::string transport =
        member(status, "mptcp") == json(true) ? "mptcp" : "plain tcp, one uplink";
    TextTable table{{"subflow", "use", "rtt", "sent", "received", "local", "remote"}};
    for (const auto& subflow : member(status, "subflows")) {
        const bool backup = member(subflow, "backup") == json(true);
        table.add({plain_text(member(subflow, "uplink")), backup ? "backup" : "normal",
                   rtt_text(member(subflow, "rtt_us")), bytes_text(member(subflow, "tx_bytes")),
                   bytes_text(member(subflow, "rx_bytes")), plain_text(member(subflow, "local")),
                   plain_text(member(subflow, "remote"))});
    }
    return "\nlane " + plain_text(member(status, "class")) + " (" + transport + ")\n" +
           table.text(2);
}

} // namespace

std::string client_status_table(const json& status)
{
    std::string text =
        summary(status) + uplinks(member(status, "uplinks")) + data_caps(member(status, "uplinks"));
    for (const auto& each : member(status, "lanes")) text += lane(each);
    return text;
}

} // namespace braid
