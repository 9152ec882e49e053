#include "server/nat.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <linux/ipv6_route.h>
#include <memory>
#include <nftables/libnftables.h>
#include <optional>
#include <sstream>
#include <string_view>

namespace braid {
namespace {

struct FreeNft {
    void operator()(nft_ctx* context) const noexcept { ::nft_ctx_free(context); }
};

Status run_nft(const std::string& script, std::string_view attempt)
{
    const std::unique_ptr<nft_ctx, FreeNft> nft{::nft_ctx_new(NFT_CTX_DEFAULT)};
    if (!nft) return fail(std::errc::not_enough_memory, std::string{attempt});
    ::nft_ctx_buffer_error(nft.get());
    ::nft_ctx_buffer_output(nft.get());
    if (::nft_run_cmd_from_buffer(nft.get(), script.c_str()) == 0) return {};
    std::string message = ::nft_ctx_get_error_buffer(nft.get());
    message.resize(std::min(message.find('\n'), message.size()));
    const bool forbidden = message.find("not permitted") != std::string::npos;
    return fail(forbidden ? std::errc::operation_not_permitted : std::errc::io_error,
                std::string{attempt} + ": " + message,
                forbidden ? "run as root or with CAP_NET_ADMIN"
                          : "does this kernel have nf_tables, with NAT in the inet family?");
}

bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The table's name, an nft identifier: what else interface names may have becomes '_'.
std::string table_of(const std::string& tun)
{
    std::string table = "braid_";
    for (const char c : tun) table += is_plain(c) ? c : '_';
    return table;
}

/// Refuses names that would end the quotes of the script, or match other devices.
Status check_name(const std::string& tun)
{
    const bool quotable = std::ranges::all_of(tun, [](char c) {
        return is_plain(c) || std::string_view{"-.:@+="}.find(c) != std::string_view::npos;
    });
    if (quotable && !tun.empty()) return {};
    return fail(std::errc::invalid_argument, "nft: interface name '" + tun + "'");
}

/// The networks of a family, each once, without those inside another: nft refuses overlaps.
std::vector<Prefix> networks_of(Family family, const std::vector<Prefix>& inner)
{
    std::vector<Prefix> networks;
    for (const Prefix& prefix : inner)
        if (prefix.address.family() == family) networks.push_back(prefix.network());
    std::ranges::sort(networks, {}, &Prefix::length); // the widest first
    std::vector<Prefix> kept;
    for (const Prefix& network : networks) {
        const bool covered = std::ranges::any_of(
            kept, [&](const Prefix& wider) { return wider.contains(network.address); });
        if (!covered) kept.push_back(network);
    }
    std::ranges::sort(kept);
    return kept;
}

/// "ip saddr { a, b }" for one family; empty when it has no network.
std::string sources(Family family, const std::vector<Prefix>& inner)
{
    std::string set;
    for (const Prefix& network : networks_of(family, inner))
        set += (set.empty() ? "" : ", ") + network.text();
    if (set.empty()) return set;
    return (family == Family::v4 ? "ip saddr { " : "ip6 saddr { ") + set + " }";
}

/// The names below a folder of /proc/sys, such as the interfaces of net/ipv6/conf.
std::vector<std::string> names_below(const std::string& folder)
{
    std::vector<std::string> names;
    std::error_code ignored; // a family that is switched off has no folder
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/sys/" + folder, ignored})
        names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
}

/// Nullopt when the kernel has no such setting: IPv6 may be off, interfaces come and go.
Result<std::optional<std::string>> read_if_present(const std::string& name)
{
    const auto value = read_sysctl(name);
    if (value) return *value;
    if (value.error().code == std::errc::no_such_file_or_directory) return std::nullopt;
    return fail(value.error());
}

/// Interfaces whose IPv6 default route the kernel took from a router advertisement.
std::vector<std::string> advertised_interfaces()
{
    std::vector<std::string> interfaces;
    std::ifstream routes{"/proc/thread-self/net/ipv6_route"};
    std::string line;
    while (std::getline(routes, line)) {
        std::istringstream fields{line};
        std::string to, length, from, from_length, gateway, metric, references, uses, interface;
        std::uint32_t flags = 0;
        fields >> to >> length >> from >> from_length >> gateway >> metric >> references >> uses >>
            std::hex >> flags >> interface;
        if (length == "00" && (flags & RTF_ADDRCONF) != 0) interfaces.push_back(interface);
    }
    std::ranges::sort(interfaces);
    interfaces.erase(std::unique(interfaces.begin(), interfaces.end()), interfaces.end());
    return interfaces;
}

/// The accept_ra settings (1) that IPv6 forwarding would render void.
std::vector<std::string> voided_accept_ra()
{
    std::vector<std::string> names;
    for (const std::string& interface : advertised_interfaces()) {
        std::string name = "net/ipv6/conf/" + interface + "/accept_ra";
        const auto now = read_sysctl(name);
        if (now && *now == "1") names.push_back(std::move(name));
    }
    return names;
}

/// Appends the setting as it is now, unless writing its switch back already yields `reset`.
Status note(std::vector<SysctlValue>& undo, std::string name, std::string_view reset)
{
    const auto now = read_if_present(name);
    if (!now) return fail(now.error());
    if (*now && **now != reset) undo.push_back({std::move(name), **now});
    return {};
}

/// Appends every interface's `forwarding` below a folder such as net/ipv4/conf.
Status note_interfaces(std::vector<SysctlValue>& undo, const std::string& folder)
{
    for (const std::string& interface : names_below(folder)) {
        if (interface == "all") continue; // The switch itself.
        std::string name = folder;
        name.append("/").append(interface).append("/forwarding");
        if (auto noted = note(undo, std::move(name), "0"); !noted) return noted;
    }
    return {};
}

constexpr auto forwarding_v4 = "net/ipv4/ip_forward";
constexpr auto forwarding_v6 = "net/ipv6/conf/all/forwarding";

} // namespace

std::string nat_ruleset(const std::string& tun, const std::vector<Prefix>& inner)
{
    const std::string table = "table inet " + table_of(tun);
    std::string script;
    script.append("add ").append(table).append("\n");
    script.append("delete ").append(table).append("\n");
    script.append(table).append(" {\n    chain postrouting {\n");
    script.append("        type nat hook postrouting priority srcnat; policy accept;\n");
    for (const Family family : {Family::v4, Family::v6}) {
        const std::string from = sources(family, inner);
        if (from.empty()) continue;
        script.append("        oifname != \"").append(tun).append("\" ").append(from);
        script.append(" masquerade\n");
    }
    return script.append("    }\n}\n");
}

Status apply_nat(const std::string& tun, const std::vector<Prefix>& inner)
{
    if (auto checked = check_name(tun); !checked) return checked;
    return run_nft(nat_ruleset(tun, inner), "nft table " + table_of(tun));
}

Status remove_nat(const std::string& tun)
{
    const std::string table = "table inet " + table_of(tun);
    // Added first, so that deleting works whether it is there or not.
    return run_nft("add " + table + "\ndelete " + table + "\n", "remove nft " + table);
}

Result<std::vector<SysctlValue>> forwarding_changes()
{
    const auto v4 = read_if_present(forwarding_v4);
    const auto v6 = read_if_present(forwarding_v6);
    if (!v4) return fail(v4.error());
    if (!v6) return fail(v6.error());
    std::vector<SysctlValue> changes;
    if (*v4 == "0") changes.push_back({forwarding_v4, "1"});
    if (*v6 != "0") return changes;
    // Before the switch: it deletes the advertised routes where accept_ra is not 2.
    for (std::string& name : voided_accept_ra()) changes.push_back({std::move(name), "2"});
    changes.push_back({forwarding_v6, "1"});
    return changes;
}

Result<std::vector<SysctlValue>> forwarding_undo()
{
    const auto v4 = read_if_present(forwarding_v4);
    const auto v6 = read_if_present(forwarding_v6);
    if (!v4) return fail(v4.error());
    if (!v6) return fail(v6.error());
    std::vector<SysctlValue> undo;
    Status noted;
    if (*v4 == "0") {
        // inet_forward_change() sets forwarding everywhere and accept_redirects to its opposite.
        undo.push_back({forwarding_v4, "0"});
        noted = note(undo, "net/ipv4/conf/all/accept_redirects", "1").and_then([&] {
            return note_interfaces(undo, "net/ipv4/conf");
        });
    }
    if (*v6 == "0" && noted) {
        // addrconf_fixup_forwarding() sets forwarding everywhere.
        undo.push_back({forwarding_v6, "0"});
        noted = note_interfaces(undo, "net/ipv6/conf");
        for (std::string& name : voided_accept_ra()) undo.push_back({std::move(name), "1"});
    }
    if (!noted) return fail(noted.error());
    return undo;
}

} // namespace braid
