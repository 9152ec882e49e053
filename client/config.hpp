/// The client's config: every key of configs/client.yaml, with its default.
#pragma once

#include "client/uplink_config.hpp"
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

/// How uplinks are used together.
enum class Policy : std::uint8_t {
    aggregate,   ///< all primary ones at once, their rates add up; secondary ones while those are
                 ///< full; backups when none of these works
    handover,    ///< one at a time, the best that works
    interactive, ///< as aggregate over primaries; backups also while a primary is slow or lossy
};

[[nodiscard]] std::string_view name_of(Policy policy);

/// When subflows are routed by their source address (source_rules.hpp).
enum class SourceRulesUse : std::uint8_t {
    automatic, ///< where the kernel does not bind them to their device
    always,
};

struct ClientConfig {
    static constexpr std::size_t max_endpoints = 8;
    static constexpr std::size_t max_routes = 1024;

    struct Server {
        std::vector<HostPort> endpoints; ///< at least one, in order of preference
        PublicKey public_key;
    };
    struct Identity {
        std::filesystem::path private_key_file;
        std::optional<std::filesystem::path> preshared_key_file;
    };
    struct Tun {
        std::string name = "braid0";
    };

    Server server;
    Identity identity;
    Tun tun;
    UplinksConfig uplinks;
    Policy policy = Policy::aggregate;
    bool guard = true; ///< false leaves fail-over to the kernel
    SourceRulesUse source_rules = SourceRulesUse::automatic;
    std::vector<Prefix> routes = {Prefix{Address::any(Family::v4), 0},
                                  Prefix{Address::any(Family::v6), 0}};
    DaemonSettings daemon{.control_socket = "/run/braid/client.sock",
                          .kept_file = "/var/lib/braid/data_usage.json"};
};

/// How the reader looks at key files; a parameter so that tests and fuzzers need none.
struct ClientKeyFiles {
    /// The public key of a private key file, to find a server that is given our own key.
    std::function<Result<PublicKey>(const std::filesystem::path&)> private_key;
    KeyFileCheck preshared_key;
};

/// Reads and checks the file and the key files that it names. Errors (invalid_argument):
/// `file:line:column: key: problem`; the system's when the file itself cannot be read.
[[nodiscard]] Result<ClientConfig> load_client_config(const std::filesystem::path& file);

/// As above from text. PURE but for `files`.
[[nodiscard]] Result<ClientConfig>
parse_client_config(std::string_view text, const ConfigSource& source, const ClientKeyFiles& files);

} // namespace braid
