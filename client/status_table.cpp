#include "client/status_table.hpp"

#include "client/usage_status.hpp"
#include "common/admin/status_text.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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
    table.add({"crypto", crypto_text(member(status, "crypto"), member(status, "cipher"))});
    if (const auto& workers = member(status, "workers"); !workers.is_null())
        table.add({"workers", workers_text(workers)});
    table.add({"policy", plain_text(member(status, "policy"))});
    if (const auto& error = member(status, "last_error"); !error.is_null())
        table.add({"last error", plain_text(error)});
    if (const auto& privileges = member(status, "privileges"); !privileges.is_null())
        table.add({"privileges", privileges_text(privileges)});
    return table.text();
}

bool is_capped(const json& uplink)
{
    return !member(member(uplink, "data"), "at_cap").is_null();
}

/// An uplink's loss is that of its probes.
std::string loss_text(const json& uplink)
{
    return member(uplink, "probes") == json(true) ? percent_text(member(uplink, "loss")) : "-";
}

std::string uplinks(const json& list)
{
    const bool some_capped = std::ranges::any_of(list, is_capped);
    std::vector<std::string> heading{"uplink", "priority", "state", "for",     "rtt",
                                     "loss",   "share",    "sent",  "received"};
    if (some_capped) heading.emplace_back("data");
    heading.emplace_back("reason");
    TextTable table{std::move(heading)};
    for (const auto& uplink : list) {
        std::vector<std::string> row{
            plain_text(member(uplink, "interface")), plain_text(member(uplink, "priority")),
            plain_text(member(uplink, "state")),     span_text(member(uplink, "since_s")),
            rtt_text(member(uplink, "rtt_us")),      loss_text(uplink),
            percent_text(member(uplink, "share")),   bytes_text(member(uplink, "tx_bytes")),
            bytes_text(member(uplink, "rx_bytes")),
        };
        if (some_capped) row.push_back(cap_share_text(member(uplink, "data")));
        row.push_back(plain_text(member(uplink, "reason")));
        table.add(std::move(row));
    }
    return "\n" + table.text();
}

std::string failovers(const json& list)
{
    std::string text;
    for (const auto& uplink : list) {
        const auto& failover = member(uplink, "last_failover");
        if (!failover.is_object()) continue;
        text += "last fail-over of " + plain_text(member(uplink, "interface")) + ": " +
                plain_text(member(failover, "reason")) + " " + ago_text(member(failover, "ago_s"));
        if (const auto& gap = member(failover, "gap_ms"); !gap.is_null())
            text += ", gap " + plain_text(gap) + " ms";
        text += "\n";
    }
    return text.empty() ? text : "\n" + text;
}

/// Only uplinks that have a data cap.
std::string data_caps(const json& list)
{
    TextTable table;
    for (const auto& uplink : list) {
        const auto& data = member(uplink, "data");
        if (!is_capped(uplink)) continue;
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
    const auto& list = member(status, "uplinks");
    std::string text = summary(status) + uplinks(list) + data_caps(list) + failovers(list);
    for (const auto& each : member(status, "lanes")) text += lane(each);
    return text;
}

} // namespace braid
