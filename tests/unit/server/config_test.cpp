#include "server/config.hpp"
#include "tests/unit/admin/example_config.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace braid;

namespace {

constexpr std::string_view own_key = "SERVERSERVERSERVERSERVERSERVERSERVERSERVERA=";
constexpr std::string_view key_a = "CLIENTCLIENTCLIENTCLIENTCLIENTCLIENTCLIENTA=";
constexpr std::string_view key_b = "OTHERSOTHERSOTHERSOTHERSOTHERSOTHERSOTHERSA=";

/// A config that is complete but for peers, and `more` after it.
std::string complete(std::string_view more)
{
    return "identity: {private_key_file: server.key}\n"
           "tun: {addresses: [10.86.0.1/24, 'fd86::1/64']}\n" +
           std::string{more};
}

std::string with_peers(std::string_view first, std::string_view second)
{
    return complete("peers:\n  - {name: a, public_key: " + std::string{key_a} + ", " +
                    std::string{first} + "}\n  - {name: b, public_key: " + std::string{key_b} +
                    ", " + std::string{second} + "}\n");
}

/// Reads a config of /etc/braid, where the key files are in order.
Result<ServerConfig> parse(std::string_view text)
{
    return parse_server_config(
        text, {"s.yaml", "/etc/braid"},
        {.private_key = [](const auto&) { return PublicKey::parse(own_key); },
         .preshared_key = [](const auto&) { return Status{}; }});
}

std::string error_of(std::string_view text)
{
    const auto config = parse(text);
    return config ? "" : config.error().text();
}

std::vector<Prefix> prefixes(std::initializer_list<std::string_view> texts)
{
    std::vector<Prefix> parsed;
    for (const auto text : texts) parsed.push_back(Prefix::parse(text).value());
    return parsed;
}

void check_defaults(const ServerConfig& config)
{
    const ServerConfig defaults;
    CHECK(config.listen == defaults.listen);
    CHECK(config.tun.name == defaults.tun.name);
    CHECK(config.tun.mtu == defaults.tun.mtu);
    CHECK(config.nat == defaults.nat);
    CHECK(config.limits.unauthenticated == defaults.limits.unauthenticated);
    CHECK(config.limits.unauthenticated_per_source == defaults.limits.unauthenticated_per_source);
    CHECK(config.limits.handshakes_per_second == defaults.limits.handshakes_per_second);
    CHECK(config.limits.handshakes_per_second_per_source ==
          defaults.limits.handshakes_per_second_per_source);
    CHECK(config.daemon.control_socket == defaults.daemon.control_socket);
    CHECK(config.daemon.log_level == defaults.daemon.log_level);
    CHECK(config.daemon.log_file == defaults.daemon.log_file);
}

} // namespace

TEST_CASE("a config with what is required gets the defaults for the rest")
{
    const auto config = parse(complete(""));
    REQUIRE(config);
    check_defaults(*config);
    CHECK(config->identity.private_key_file == "/etc/braid/server.key");
    CHECK(config->tun.addresses == prefixes({"10.86.0.1/24", "fd86::1/64"}));
    CHECK(config->peers.empty());
    CHECK(config->listen.front().text() == "[::]:8684");
    CHECK(config->tun.mtu == 1500);
    CHECK(config->nat);
    CHECK(config->daemon.control_socket == "/run/braid/server.sock");
}

TEST_CASE("every key is read")
{
    const auto config =
        parse("listen: ['[::]:8684', 192.0.2.1:443]\n"
              "identity: {private_key_file: /k/own}\n"
              "tun: {name: vpn0, addresses: [10.86.0.1/24], mtu: 9000}\n"
              "peers:\n  - name: a.b_c-9\n    public_key: " +
              std::string{key_a} +
              "\n    addresses: [10.86.0.2]\n    preshared_key_file: a.psk\n"
              "nat: false\nlimits: {unauthenticated: 80, unauthenticated_per_source: 9,\n"
              "  handshakes_per_second: 70, handshakes_per_second_per_source: 7}\n"
              "control: {socket: s.sock}\nlog: {level: warning, file: /log}\n");
    REQUIRE(config);
    CHECK(config->listen == std::vector{Endpoint::parse("[::]:8684").value(),
                                        Endpoint::parse("192.0.2.1:443").value()});
    CHECK(config->tun.name == "vpn0");
    CHECK(config->tun.mtu == 9000);
    REQUIRE(config->peers.size() == 1);
    CHECK(config->peers[0].name == "a.b_c-9");
    CHECK(config->peers[0].public_key.text() == key_a);
    CHECK(config->peers[0].addresses == prefixes({"10.86.0.2"}));
    CHECK(config->peers[0].preshared_key_file == "/etc/braid/a.psk");
    CHECK_FALSE(config->nat);
    CHECK(config->limits.unauthenticated == 80);
    CHECK(config->limits.unauthenticated_per_source == 9);
    CHECK(config->limits.handshakes_per_second == 70);
    CHECK(config->limits.handshakes_per_second_per_source == 7);
    CHECK(config->daemon.control_socket == "/etc/braid/s.sock");
    CHECK(config->daemon.log_level == spdlog::level::warn);
}

TEST_CASE("the default of a limit per source gives way to a lower limit for all")
{
    const auto limits = [](std::string_view text) {
        return parse(complete("limits: {" + std::string{text} + "}\n")).value().limits;
    };
    CHECK(limits("unauthenticated: 8").unauthenticated_per_source == 8);
    CHECK(limits("unauthenticated: 1000").unauthenticated_per_source == 32);
    CHECK(limits("handshakes_per_second: 3").handshakes_per_second_per_source == 3);
    CHECK(limits("unauthenticated_per_source: 256").unauthenticated == 256);
}

TEST_CASE("an address of a peer is a host however it is written, and a network a network")
{
    const auto config = parse(with_peers(
        "addresses: [10.86.0.2, 10.86.0.3/32, 10.86.0.4/24, 192.168.50.0/24, 'fd86::2/64']",
        "addresses: 10.86.0.9"));
    REQUIRE(config);
    CHECK(config->peers[0].addresses == prefixes({"10.86.0.2/32", "10.86.0.3/32", "10.86.0.4/32",
                                                  "192.168.50.0/24", "fd86::2/128"}));
    CHECK(config->peers[1].addresses == prefixes({"10.86.0.9/32"}));
}

TEST_CASE("a network may lie inside another peer's network")
{
    CHECK(parse(
        with_peers("addresses: [10.86.0.2, 10.1.0.0/16]", "addresses: [10.86.0.3, 10.1.2.0/24]")));
}

TEST_CASE("no two peers share a name, key, address or network, nor do they the server's")
{
    const std::string second_key = std::string{key_b};
    CHECK(error_of(with_peers("addresses: [10.86.0.2]", "addresses: [10.86.0.3, 10.86.0.2/24]"))
              .ends_with(": peers[1].addresses[1]: 10.86.0.2/32 belongs to peer 'a' already"));
    CHECK(error_of(with_peers("addresses: [10.86.0.2, 10.1.0.0/16]",
                              "addresses: [10.86.0.3, 10.1.0.0/16]"))
              .ends_with(": peers[1].addresses[1]: 10.1.0.0/16 belongs to peer 'a' already"));
    CHECK(error_of(with_peers("addresses: [10.86.0.1]", "addresses: [10.86.0.3]"))
              .ends_with(": peers[0].addresses[0]: 10.86.0.1/32 belongs to the server already"));

    const auto peer = [](std::string_view name, std::string_view key, std::string_view address) {
        return "  - {name: " + std::string{name} + ", public_key: " + std::string{key} +
               ", addresses: " + std::string{address} + "}\n";
    };
    CHECK(error_of(complete("peers:\n" + peer("a", key_a, "10.86.0.2") +
                            peer("a", key_b, "10.86.0.3"))) ==
          "s.yaml:5:6: peers[1].name: there is another peer 'a'");
    CHECK(error_of(complete("peers:\n" + peer("a", key_a, "10.86.0.2") +
                            peer("b", key_a, "10.86.0.3"))) ==
          "s.yaml:5:15: peers[1].public_key: this is the key of peer 'a' already");
    CHECK(error_of(complete("peers:\n" + peer("a", own_key, "10.86.0.2"))) ==
          "s.yaml:4:15: peers[0].public_key: this is the key of the server already");
}

TEST_CASE("each mistake is told at its place, with a remedy")
{
    struct Case {
        std::string_view text;
        std::string_view error; ///< after "s.yaml:"
        std::string_view hint;
    };
    constexpr std::array cases{
        Case{"peer: []", "3:1: peer: unknown key", "did you mean 'peers'?"},
        Case{"listen: 8684", "3:1: listen: '8684' is not host:port", ""},
        Case{"listen: vpn.example.org:8684", "3:1: listen: 'vpn.example.org' is not an IP address",
             ""},
        Case{"listen: []", "3:1: listen: the list is empty", "listen: '[::]:8684'"},
        Case{"listen: [1.2.3.4:1, 1.2.3.4:1]", "3:21: listen[1]: 1.2.3.4:1 is listed twice", ""},
        Case{"nat: 1", "3:1: nat: '1' is not true or false", ""},
        Case{"limits: {unauthenticated: 0}",
             "3:10: limits.unauthenticated: '0' is not a number from 1 to 4096", ""},
        Case{
            "limits: {unauthenticated: 16, unauthenticated_per_source: 17}",
            "3:31: limits.unauthenticated_per_source: '17' is more than limits.unauthenticated, 16",
            ""},
        Case{"limits: {unauthenticated_per_source: 257}",
             "3:10: limits.unauthenticated_per_source: '257' is more than limits.unauthenticated, "
             "256",
             ""},
        Case{"limits: {handshakes_per_second: 100001}",
             "3:10: limits.handshakes_per_second: '100001' is not a number from 1 to 100000", ""},
        Case{"limits: {handshakes_per_second: 5, handshakes_per_second_per_source: 0}",
             "3:36: limits.handshakes_per_second_per_source: '0' is not a number from 1 to 100000",
             ""},
        Case{"peers: {a: b}", "3:1: peers: expected a list, found a mapping", ""},
        Case{"peers: [a]", "3:9: peers[0]: expected a mapping, found a single value", ""},
        Case{"peers: [{name: a b}]", "3:10: peers[0].name: 'a b' is not a peer name",
             "1 to 64 of letters, digits, '.', '_' and '-'"},
        Case{"peers: [{pubkey: x}]", "3:10: peers[0].pubkey: unknown key",
             "one of: name, public_key, addresses, preshared_key_file"},
        Case{"peers: [{name: a}]", "3:9: peers[0].public_key: missing",
             "public_key: KEY, as printed by 'braid-client pubkey' there"},
        Case{"peers: [{addresses: [10.1.0.0/16]}]",
             "3:10: peers[0].addresses: no inner address of the peer itself",
             "add a single address, for example 10.86.0.2"},
        Case{"peers: [{addresses: [224.0.0.1]}]",
             "3:22: peers[0].addresses[0]: '224.0.0.1' is no address of a host", ""},
        Case{"peers: [{public_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}]",
             "3:10: peers[0].public_key: all zeros is nobody's key", ""},
        Case{"peers: [{addresses: [127.0.0.0/8]}]",
             "3:22: peers[0].addresses[0]: '127.0.0.0/8' is no address of a host", ""},
        Case{"peers: [{addresses: [10.86.0]}]",
             "3:22: peers[0].addresses[0]: '10.86.0' is not an IP prefix", ""},
    };
    for (const Case& each : cases) {
        const auto& text = each.text;
        const auto& error = each.error;
        const auto& hint = each.hint;
        CAPTURE(text);
        const auto config = parse(complete(text));
        REQUIRE_FALSE(config);
        CHECK(config.error().text() == "s.yaml:" + std::string{error});
        CHECK(config.error().hint == hint);
    }
}

TEST_CASE("the tunnel's own addresses are addresses with the length of their network")
{
    const auto tun = [](std::string_view text) {
        return error_of("identity: {private_key_file: k}\ntun: {" + std::string{text} + "}\n");
    };
    CHECK(tun("addresses: [10.86.0.1/24, 10.86.0.7/32]").empty());
    CHECK(tun("addresses: [10.86.0.0/24]") ==
          "s.yaml:2:19: tun.addresses[0]: '10.86.0.0/24' is a network, not an address in it");
    CHECK(tun("addresses: [0.0.0.0/0]").ends_with("is no address of a host"));
    CHECK(tun("addresses: [10.86.0.1/24, 10.86.0.1/16]") ==
          "s.yaml:2:33: tun.addresses[1]: 10.86.0.1 is listed twice");
    CHECK(tun("addresses: []") == "s.yaml:2:7: tun.addresses: the list is empty");
    CHECK(tun("") == "s.yaml:2:1: tun.addresses: missing");
    CHECK(tun("mtu: 1279, addresses: [10.86.0.1/24]") ==
          "s.yaml:2:7: tun.mtu: '1279' is not a number from 1280 to 9000");
    CHECK(tun("mtu: 1280, addresses: [10.86.0.1/24]").empty());
}

TEST_CASE("key files of the server and of peers are checked")
{
    const test::TempFolder folder;
    const auto file = folder.write(
        "server.yaml",
        with_peers("addresses: 10.86.0.2, preshared_key_file: a.psk", "addresses: 10.86.0.3"),
        0600);
    const auto problem = [&] {
        const auto config = load_server_config(file);
        return config ? Error{} : config.error();
    };
    CHECK(problem().text() == file.native() + ":1:12: identity.private_key_file: open " +
                                  (folder / "server.key").native() + ": No such file or directory");
    test::write_key(folder, "server.key", 's');
    CHECK(problem().text().find("peers[0].preshared_key_file: open ") != std::string::npos);
    test::write_key(folder, "a.psk", 'p', 0604);
    CHECK(problem().hint == "chmod 600 " + (folder / "a.psk").native());
    test::write_key(folder, "a.psk", 'p');
    CHECK(load_server_config(file));
}

TEST_CASE("the example config is valid, and what it shows are the defaults")
{
    const test::TempFolder folder;
    const auto text = test::example_config("server.yaml");
    const auto file = folder.write("server.yaml", text, 0644);
    test::write_key(folder, "server.key", 's');
    const auto config = load_server_config(file);
    REQUIRE_MESSAGE(config, config.error().text());
    check_defaults(*config);
    CHECK(config->peers.size() == 2);

    test::write_key(folder, "laptop.psk", 'p');
    const auto full =
        load_server_config(folder.write("full.yaml", test::with_all_keys(text), 0644));
    REQUIRE_MESSAGE(full, full.error().text());
    CHECK(full->peers[0].preshared_key_file == folder / "laptop.psk");
    CHECK(full->daemon.log_file.has_value());
}
