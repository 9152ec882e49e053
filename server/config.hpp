/// The server's config: every key of configs/server.yaml, with its default.
#pragma once

#include "common/admin/settings.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/crypto/keys.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

struct PeerConfig {
    std::string name; ///< unique; 1 to 64 of [A-Za-z0-9._-]
    PublicKey public_key;
    /// Single hosts (is_host()) are the peer's inner addresses, at least one; the others are
    /// networks behind it, without host bits. No two peers have an equal prefix.
    std::vector<Prefix> addresses;
    std::optional<std::filesystem::path> preshared_key_file;
};

struct ServerConfig {
    static constexpr std::size_t max_listen = 8;
    static constexpr std::size_t max_tun_addresses = 16;
    static constexpr std::size_t max_peers = 4096;
    static constexpr std::size_t max_peer_addresses = 64; ///< networks behind it included
    static constexpr std::size_t max_peer_hosts = 16;     ///< what a tunnel config message holds

    struct Identity {
        std::filesystem::path private_key_file;
    };
    struct Tun {
        std::string name = "braid0";
        std::vector<Prefix> addresses; ///< interface form, at least one
        std::uint16_t mtu = 1500;      ///< bytes, 1280 to 9000
    };
    struct Limits {
        /// Connections that have not shown their key yet, of all and of one source
        /// (VisitorLimit).
        std::uint32_t unauthenticated = 256;
        std::uint32_t unauthenticated_per_source = 32;
        /// Handshakes a second that are answered (HandshakeRate). One costs 5 X25519 operations
        /// at most, of 31 us each on a core of an AMD EPYC: 200 keep 3 % of it busy, and would
        /// still keep less than 15 % of one that is four times slower.
        std::uint32_t handshakes_per_second = 200;
        std::uint32_t handshakes_per_second_per_source = 10;
    };

    std::vector<Endpoint> listen = {Endpoint{Address::any(Family::v6), 8684}};
    Identity identity;
    Tun tun;
    std::vector<PeerConfig> peers;
    bool nat = true;
    Limits limits;
    DaemonSettings daemon{.control_socket = "/run/braid/server.sock"};
};

/// How the reader looks at key files; a parameter so that tests and fuzzers need none.
struct ServerKeyFiles {
    /// The public key of a private key file, to find peers that are given our own key.
    std::function<Result<PublicKey>(const std::filesystem::path&)> private_key;
    KeyFileCheck preshared_key;
};

/// Reads and checks the file and the key files that it names. Errors (invalid_argument):
/// `file:line:column: key: problem`; the system's when the file itself cannot be read.
[[nodiscard]] Result<ServerConfig> load_server_config(const std::filesystem::path& file);

/// As above from text. PURE but for `files`.
[[nodiscard]] Result<ServerConfig>
parse_server_config(std::string_view text, const ConfigSource& source, const ServerKeyFiles& files);

} // namespace braid
