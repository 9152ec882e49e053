#include "server/config.hpp"

#include "common/admin/file.hpp"
#include "common/crypto/key_file.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t longest_peer_name = 64;
constexpr std::uint16_t least_mtu = 1280; ///< what IPv6 needs (RFC 8200 section 5)
constexpr std::uint16_t most_mtu = 9000;
constexpr std::uint32_t most_unauthenticated = 4096;
constexpr std::uint32_t most_handshakes = 100'000; ///< a second: more than a core can do

/// What no two may share, and who has it. Filled as the config is read.
struct Taken {
    std::set<std::string> names;
    std::map<PublicKey, std::string> keys;
    std::map<Prefix, std::string> prefixes;
};

std::string title_of(const PeerConfig& peer)
{
    return "peer '" + peer.name + "'";
}

Result<std::string> parse_peer_name(const std::string& text)
{
    const auto allowed = [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    if (text.empty() || text.size() > longest_peer_name || !std::ranges::all_of(text, allowed))
        return fail(std::errc::invalid_argument, "'" + text + "' is not a peer name",
                    "1 to 64 of letters, digits, '.', '_' and '-'");
    return text;
}

/// An address of the TUN itself: with the length of the network that it is in.
Result<Prefix> parse_tun_address(const std::string& text)
{
    auto prefix = Prefix::parse(text);
    if (!prefix) return prefix;
    if (prefix->address.is_any() || prefix->address.is_multicast())
        return fail(std::errc::invalid_argument, "'" + text + "' is no address of a host");
    if (prefix->is_host() || prefix->has_host_bits()) return prefix;
    return fail(std::errc::invalid_argument, "'" + text + "' is a network, not an address in it",
                "for example 10.86.0.1/24");
}

/// A single host for an inner address, however it is written; a network as it is.
Result<Prefix> parse_peer_address(const std::string& text)
{
    auto prefix = Prefix::parse(text);
    if (!prefix) return prefix;
    const auto& address = prefix->address;
    if (address.is_multicast() || address.is_loopback() || (address.is_any() && prefix->is_host()))
        return fail(std::errc::invalid_argument, "'" + text + "' is no address of a host");
    if (prefix->is_host() || prefix->has_host_bits()) return Prefix::host(prefix->address);
    return prefix;
}

void read_listen(const YamlNode& node, std::vector<Endpoint>& out)
{
    if (!node.present()) return;
    const auto entries = node.item_or_items(ServerConfig::max_listen);
    if (entries.empty()) return node.problem("the list is empty", "listen: '[::]:8684'");
    out.clear();
    for (const auto& entry : entries) {
        Endpoint endpoint;
        if (!entry.read(endpoint, Endpoint::parse)) continue;
        const bool known = std::ranges::find(out, endpoint) != out.end();
        if (known) entry.problem(endpoint.text() + " is listed twice");
        out.push_back(endpoint);
    }
}

/// Yields our own public key.
PublicKey read_identity(const YamlNode& identity, const ConfigSource& source,
                        const ServerKeyFiles& files, ServerConfig::Identity& out)
{
    PublicKey own;
    const auto read_own = [&](const std::filesystem::path& file) -> Status {
        const auto key = files.private_key(file);
        if (!key) return fail(key.error());
        own = *key;
        return {};
    };
    identity.fields({"private_key_file"})["private_key_file"]
        .required("private_key_file: server.key, made by 'braid-server keygen --out server.key'")
        .read(out.private_key_file, key_file_from(source, read_own));
    return own;
}

void read_tun(const YamlNode& tun, ServerConfig::Tun& out, Taken& taken)
{
    tun.fields({"name", "addresses", "mtu"});
    tun["name"].read(out.name, parse_tun_name);
    tun["mtu"].read(out.mtu, integer_within(least_mtu, most_mtu));
    const auto addresses = tun["addresses"];
    addresses.required("addresses: [10.86.0.1/24, 'fd86::1/64']");
    const auto entries = addresses.items(ServerConfig::max_tun_addresses);
    if (addresses.present() && entries.empty()) addresses.problem("the list is empty");
    for (const auto& entry : entries) {
        Prefix address;
        if (!entry.read(address, parse_tun_address)) continue;
        const auto host = Prefix::host(address.address);
        if (!taken.prefixes.emplace(host, "the server").second)
            entry.problem(host.address.text() + " is listed twice");
        out.addresses.push_back(address);
    }
}

void read_peer_addresses(const YamlNode& node, PeerConfig& peer, Taken& taken)
{
    node.required("addresses: [10.86.0.2, 'fd86::2']");
    const auto entries = node.item_or_items(ServerConfig::max_peer_addresses);
    for (const auto& entry : entries) {
        Prefix address;
        if (!entry.read(address, parse_peer_address)) continue;
        const auto [owner, free] = taken.prefixes.emplace(address, title_of(peer));
        if (!free) entry.problem(address.text() + " belongs to " + owner->second + " already");
        peer.addresses.push_back(address);
    }
    const auto hosts = std::ranges::count_if(peer.addresses, &Prefix::is_host);
    const bool has_host = hosts > 0;
    if (std::cmp_greater(hosts, ServerConfig::max_peer_hosts))
        node.problem("at most " + std::to_string(ServerConfig::max_peer_hosts) +
                     " inner addresses per peer");
    const bool all_read = peer.addresses.size() == entries.size();
    if (node.present() && all_read && !has_host)
        node.problem("no inner address of the peer itself",
                     "add a single address, for example 10.86.0.2");
}

PeerConfig read_peer(const YamlNode& node, const ConfigSource& source, const ServerKeyFiles& files,
                     Taken& taken)
{
    node.fields({"name", "public_key", "addresses", "preshared_key_file"});
    PeerConfig peer;
    const auto name = node["name"].required("name: laptop");
    if (name.read(peer.name, parse_peer_name) && !taken.names.insert(peer.name).second)
        name.problem("there is another peer '" + peer.name + "'");

    const auto key =
        node["public_key"].required("public_key: KEY, as printed by 'braid-client pubkey' there");
    if (key.read(peer.public_key, PublicKey::parse)) {
        if (peer.public_key == PublicKey{}) key.problem("all zeros is nobody's key");
        const auto [owner, free] = taken.keys.emplace(peer.public_key, title_of(peer));
        if (!free) key.problem("this is the key of " + owner->second + " already");
    }
    read_peer_addresses(node["addresses"], peer, taken);

    std::filesystem::path preshared;
    if (node["preshared_key_file"].read(preshared, key_file_from(source, files.preshared_key)))
        peer.preshared_key_file = preshared;
    return peer;
}

/// A bound for all sources and the one for each, which is not greater. The latter's default gives
/// way to a lower bound for all.
struct SourceBound {
    std::string_view total;
    std::string_view per_source;
    std::uint32_t most;
};

void read_bound(const YamlNode& limits, const SourceBound& keys, std::uint32_t& total,
                std::uint32_t& per_source)
{
    const auto within = integer_within(std::uint32_t{1}, keys.most);
    limits[keys.total].read(total, within);
    const auto each = limits[keys.per_source];
    if (!each.read(per_source, within)) per_source = std::min(per_source, total);
    if (per_source > total)
        each.problem("'" + std::to_string(per_source) + "' is more than limits." +
                     std::string{keys.total} + ", " + std::to_string(total));
}

void read_limits(const YamlNode& limits, ServerConfig::Limits& out)
{
    limits.fields({"unauthenticated", "unauthenticated_per_source", "handshakes_per_second",
                   "handshakes_per_second_per_source"});
    read_bound(limits, {"unauthenticated", "unauthenticated_per_source", most_unauthenticated},
               out.unauthenticated, out.unauthenticated_per_source);
    read_bound(limits,
               {"handshakes_per_second", "handshakes_per_second_per_source", most_handshakes},
               out.handshakes_per_second, out.handshakes_per_second_per_source);
}

} // namespace

Result<ServerConfig> parse_server_config(std::string_view text, const ConfigSource& source,
                                         const ServerKeyFiles& files)
{
    auto document = YamlDocument::parse(text, source.name);
    if (!document) return fail(std::move(document.error()));
    const auto root = document->root();
    root.fields({"listen", "identity", "tun", "peers", "nat", "limits", "user", "workers",
                 "control", "log"});

    ServerConfig config;
    Taken taken;
    read_listen(root["listen"], config.listen);
    const auto own = read_identity(root["identity"], source, files, config.identity);
    if (own != PublicKey{}) taken.keys.emplace(own, "the server");
    read_tun(root["tun"], config.tun, taken);
    for (const auto& peer : root["peers"].items(ServerConfig::max_peers))
        config.peers.push_back(read_peer(peer, source, files, taken));
    root["nat"].read(config.nat, parse_boolean);
    read_limits(root["limits"], config.limits);
    read_daemon_settings(root, source, config.daemon);

    if (const auto result = document->result(); !result) return fail(result.error());
    return config;
}

Result<ServerConfig> load_server_config(const std::filesystem::path& file)
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
    return parse_server_config(*text, config_source(file), {private_key, preshared_key});
}

} // namespace braid
