#include "server/status_table.hpp"

#include "common/admin/status_text.hpp"

namespace braid {
namespace {

using nlohmann::json;

std::string summary(const json& status)
{
    const auto& tun = member(status, "tun");
    TextTable table;
    table.add({"state", plain_text(member(status, "state"))});
    table.add({"listen", plain_text(member(status, "listen"))});
    table.add({"tunnel", plain_text(member(tun, "name")) + ": " +
                             plain_text(member(tun, "addresses")) + ", mtu " +
                             plain_text(member(tun, "mtu"))});
    table.add({"crypto", crypto_text(member(status, "crypto"), nullptr)});
    if (const auto& workers = member(status, "workers"); !workers.is_null())
        table.add({"workers", workers_text(workers)});
    if (const auto& privileges = member(status, "privileges"); !privileges.is_null())
        table.add({"privileges", privileges_text(privileges)});
    return table.text();
}

std::string peers(const json& list)
{
    if (list.empty()) return "\nno peers\n";
    TextTable table{
        {"peer", "state", "handshake", "cipher", "sent", "received", "addresses", "endpoints"}};
    for (const auto& peer : list) {
        table.add({plain_text(member(peer, "name")), plain_text(member(peer, "state")),
                   ago_text(member(peer, "last_handshake_s")), plain_text(member(peer, "cipher")),
                   bytes_text(member(peer, "tx_bytes")), bytes_text(member(peer, "rx_bytes")),
                   plain_text(member(peer, "addresses")), plain_text(member(peer, "endpoints"))});
    }
    return "\n" + table.text();
}

} // namespace

std::string server_status_table(const json& status)
{
    return summary(status) + peers(member(status, "peers"));
}

} // namespace braid
