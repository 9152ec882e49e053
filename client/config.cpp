#include "client/config.hpp"

#include "common/admin/file.hpp"
#include "common/crypto/key_file.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace braid {
namespace {

constexpr auto usage_file_name = "data_usage.json";
constexpr std::array policies{
    Choice<Policy>{"aggregate", Policy::aggregate},
    Choice<Policy>{"handover", Policy::handover},
    Choice<Policy>{"interactive", Policy::interactive},
};

constexpr std::array source_rules_uses{
    Choice<SourceRulesUse>{"auto", SourceRulesUse::automatic},
    Choice<SourceRulesUse>{"always", SourceRulesUse::always},
};

Result<Prefix> parse_network(const std::string& text)
{
    auto prefix = Prefix::parse(text);
    if (prefix && prefix->has_host_bits())
        return fail(std::errc::invalid_argument,
                    "'" + text + "' has bits set behind its prefix length",
                    "the network is " + prefix->network().text());
    return prefix;
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/// Whether the resolver can be asked for it. Names of digits and dots only are addresses that
/// were mistyped; the C library would take some of them for others (1.2 is 1.0.0.2).
bool is_host_name(std::string_view host)
{
    if (host.ends_with('.')) host.remove_suffix(1); // the root
    const bool blank =
        std::ranges::any_of(host, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
    const bool empty_label = host.empty() || host.starts_with('.') || host.ends_with('.') ||
                             host.find("..") != std::string_view::npos;
    const bool digits = std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
    return !blank && !empty_label && !digits;
}

Result<HostPort> parse_server_endpoint(const std::string& text)
{
    auto endpoint = HostPort::parse(text);
    if (!endpoint) return endpoint;
    const auto& host = endpoint->host;
    const auto address = Address::parse(host);
    if (address && (address->is_any() || address->is_multicast()))
        return fail(std::errc::invalid_argument, "'" + host + "' is no address of a host");
    if (!address && !is_host_name(host))
        return fail(std::errc::invalid_argument,
                    "'" + host + "' is neither an address nor a host name",
                    "for example vpn.example.org:8684");
    return endpoint;
}

/// Whether all of it lies where no packet leaves this host, or goes to many.
bool is_unroutable(const Prefix& route)
{
    const auto within = [&](std::string_view text) {
        const auto network = Prefix::parse(text).value();
        return route.length >= network.length && network.contains(route.address);
    };
    constexpr std::array<std::string_view, 4> networks{"127.0.0.0/8", "::1", "224.0.0.0/4",
                                                       "ff00::/8"};
    return std::ranges::any_of(networks, within);
}

void read_server(const YamlNode& server, ClientConfig::Server& out)
{
    server.fields({"endpoint", "public_key"});
    const auto endpoints = server["endpoint"];
    endpoints.required("endpoint: vpn.example.org:8684");
    const auto entries = endpoints.item_or_items(ClientConfig::max_endpoints);
    if (endpoints.present() && entries.empty()) endpoints.problem("the list is empty");
    for (const auto& entry : entries) {
        HostPort endpoint;
        if (entry.read(endpoint, parse_server_endpoint)) out.endpoints.push_back(endpoint);
    }
    const auto key = server["public_key"].required(
        "public_key: KEY, as printed by 'braid-server pubkey' on the server");
    if (key.read(out.public_key, PublicKey::parse) && out.public_key == PublicKey{})
        key.problem("all zeros is nobody's key");
}

/// Yields our own public key.
PublicKey read_identity(const YamlNode& identity, const ConfigSource& source,
                        const ClientKeyFiles& files, ClientConfig::Identity& out)
{
    identity.fields({"private_key_file", "preshared_key_file"});
    PublicKey own;
    const auto read_own = [&](const std::filesystem::path& file) -> Status {
        const auto key = files.private_key(file);
        if (!key) return fail(key.error());
        own = *key;
        return {};
    };
    identity["private_key_file"]
        .required("private_key_file: client.key, made by 'braid-client keygen --out client.key'")
        .read(out.private_key_file, key_file_from(source, read_own));

    std::filesystem::path preshared;
    if (identity["preshared_key_file"].read(preshared, key_file_from(source, files.preshared_key)))
        out.preshared_key_file = preshared;
    return own;
}

void read_routes(const YamlNode& node, std::vector<Prefix>& out)
{
    if (!node.present()) return;
    out.clear();
    std::set<Prefix> seen;
    for (const auto& entry : node.items(ClientConfig::max_routes)) {
        Prefix route;
        if (!entry.read(route, parse_network)) continue;
        if (is_unroutable(route))
            entry.problem(route.text() + " is loopback or multicast, which no tunnel carries");
        if (!seen.insert(route).second) entry.problem(route.text() + " is listed twice");
        out.push_back(route);
    }
}

} // namespace

std::string_view name_of(Policy policy)
{
    return std::ranges::find(policies, policy, &Choice<Policy>::value)->name;
}

Result<ClientConfig> parse_client_config(std::string_view text, const ConfigSource& source,
                                         const ClientKeyFiles& files)
{
    auto document = YamlDocument::parse(text, source.name);
    if (!document) return fail(std::move(document.error()));
    const auto root = document->root();
    root.fields({"server", "identity", "tun", "uplinks", "policy", "guard", "source_rules",
                 "routes", "state_dir", "user", "workers", "control", "log"});

    ClientConfig config;
    read_server(root["server"], config.server);
    const auto own = read_identity(root["identity"], source, files, config.identity);
    if (config.server.public_key == own && own != PublicKey{})
        root["server"]["public_key"].problem(
            "this is the client's own key",
            "the server's key is printed by 'braid-server pubkey' there");
    root["tun"].fields({"name"})["name"].read(config.tun.name, parse_tun_name);
    read_uplinks(root["uplinks"], config.tun.name, config.uplinks);
    root["policy"].read(config.policy, one_of(policies));
    root["guard"].read(config.guard, parse_boolean);
    root["source_rules"].read(config.source_rules, one_of(source_rules_uses));
    read_routes(root["routes"], config.routes);
    std::filesystem::path state_dir;
    if (root["state_dir"].read(state_dir, path_from(source)))
        config.daemon.kept_file = state_dir / usage_file_name;
    read_daemon_settings(root, source, config.daemon);

    if (const auto result = document->result(); !result) return fail(result.error());
    return config;
}

Result<ClientConfig> load_client_config(const std::filesystem::path& file)
{
    const auto text = read_file(file, max_config_size);
    if (!text) return fail(text.error());
    const auto private_key = [](const std::filesystem::path& path) -> Result<PublicKey> {
        const auto key = load_private_key(path);
        if (!key) return fail(key.error());
        if (const auto owned = check_key_owner(path); !owned) return fail(owned.error());
        return key->public_key();
    };
    const auto preshared_key = [](const std::filesystem::path& path) -> Status {
        if (const auto key = load_preshared_key(path); !key) return fail(key.error());
        return check_key_owner(path);
    };
    return parse_client_config(*text, config_source(file), {private_key, preshared_key});
}

} // namespace braid
