#include "client/config.hpp"
#include "tests/unit/admin/example_config.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace braid;

namespace {

constexpr std::string_view server_key = "SERVERSERVERSERVERSERVERSERVERSERVERSERVERA=";
constexpr std::string_view own_key = "CLIENTCLIENTCLIENTCLIENTCLIENTCLIENTCLIENTA=";

/// A config that is complete, and `more` after it.
std::string complete(std::string_view more)
{
    return "server: {endpoint: 'vpn.example.org:8684', public_key: " + std::string{server_key} +
           "}\nidentity: {private_key_file: client.key}\n" + std::string{more};
}

/// Reads a config of /etc/braid, where the key files are in order.
Result<ClientConfig> parse(std::string_view text)
{
    return parse_client_config(
        text, {"c.yaml", "/etc/braid"},
        {.private_key = [](const auto&) { return PublicKey::parse(own_key); },
         .preshared_key = [](const auto&) { return Status{}; }});
}

std::vector<Prefix> prefixes(std::initializer_list<std::string_view> texts)
{
    std::vector<Prefix> parsed;
    for (const auto text : texts) parsed.push_back(Prefix::parse(text).value());
    return parsed;
}

void check_defaults(const ClientConfig& config)
{
    const ClientConfig defaults;
    CHECK(config.tun.name == defaults.tun.name);
    CHECK(config.uplinks == defaults.uplinks);
    CHECK(config.policy == defaults.policy);
    CHECK(config.guard == defaults.guard);
    CHECK(config.source_rules == defaults.source_rules);
    CHECK(config.daemon.kept_file == defaults.daemon.kept_file);
    CHECK(config.routes == defaults.routes);
    CHECK(config.daemon.control_socket == defaults.daemon.control_socket);
    CHECK(config.daemon.log_level == defaults.daemon.log_level);
    CHECK(config.daemon.log_file == defaults.daemon.log_file);
    CHECK_FALSE(config.identity.preshared_key_file.has_value());
}

} // namespace

TEST_CASE("a config with what is required gets the defaults for the rest")
{
    const auto config = parse(complete(""));
    REQUIRE(config);
    CHECK(config->server.endpoints == std::vector{HostPort{"vpn.example.org", 8684}});
    CHECK(config->server.public_key.text() == server_key);
    CHECK(config->identity.private_key_file == "/etc/braid/client.key");
    check_defaults(*config);
    CHECK(config->routes == prefixes({"0.0.0.0/0", "::/0"}));
    CHECK(config->daemon.control_socket == "/run/braid/client.sock");
    CHECK(config->tun.name == "braid0");
}

TEST_CASE("every key is read")
{
    const auto config = parse(
        "server:\n  endpoint: [a:1, '[2001:db8::1]:2']\n  public_key: " + std::string{server_key} +
        "\nidentity: {private_key_file: /k/own, preshared_key_file: psk}\n"
        "tun: {name: vpn0}\n"
        "uplinks: [eth0, {interface: wlan0, priority: secondary},\n"
        "          {interface: wwan0, priority: backup}, {interface: x}]\n"
        "policy: handover\nguard: false\nsource_rules: always\n"
        "routes: [10.0.0.0/8, 192.0.2.1]\nstate_dir: state\n"
        "control: {socket: c.sock}\nlog: {level: error, file: log}\n");
    REQUIRE(config);
    CHECK(config->server.endpoints == std::vector{HostPort{"a", 1}, HostPort{"2001:db8::1", 2}});
    CHECK(config->identity.private_key_file == "/k/own");
    CHECK(config->identity.preshared_key_file == "/etc/braid/psk");
    CHECK(config->tun.name == "vpn0");
    CHECK_FALSE(config->uplinks.automatic);
    CHECK(config->uplinks.listed == std::vector{UplinkConfig{"eth0", Priority::primary},
                                                UplinkConfig{"wlan0", Priority::secondary},
                                                UplinkConfig{"wwan0", Priority::backup},
                                                UplinkConfig{"x", Priority::primary}});
    CHECK_FALSE(config->guard);
    CHECK(config->source_rules == SourceRulesUse::always);
    CHECK(config->daemon.kept_file == "/etc/braid/state/data_usage.json");
    CHECK(config->policy == Policy::handover);
    CHECK(config->routes == prefixes({"10.0.0.0/8", "192.0.2.1/32"}));
    CHECK(config->daemon.control_socket == "/etc/braid/c.sock");
    CHECK(config->daemon.log_level == spdlog::level::err);
    CHECK(config->daemon.log_file == "/etc/braid/log");
    CHECK(parse(complete("routes: []\n"))->routes.empty());
    CHECK(parse(complete("uplinks: auto\n"))->uplinks == UplinksConfig{});
}

TEST_CASE("an uplink may be metered and have a data cap")
{
    const auto config = parse(complete("uplinks: [{interface: a, metered: true},\n"
                                       "  {interface: b, data_cap: {daily: 500M}},\n"
                                       "  {interface: c, data_cap: {monthly: 10G, reset_day: 28},\n"
                                       "   at_cap: never},\n"
                                       "  {interface: d, data_cap: {daily: 1k, monthly: 2T},\n"
                                       "   at_cap: limit 256k}]\n"));
    REQUIRE_MESSAGE(config, config.error().text());
    const auto& listed = config->uplinks.listed;
    CHECK(listed[0].metered);
    CHECK_FALSE(listed[0].data_cap);
    CHECK(listed[1].data_cap == DataCap{.daily_bytes = 500'000'000});
    CHECK(listed[1].at_cap == AtCap{});
    CHECK(text_of(listed[1].at_cap) == "backup");
    CHECK(listed[2].data_cap == DataCap{.monthly_bytes = 10'000'000'000, .reset_day = 28});
    CHECK(listed[2].at_cap.action == AtCap::Action::never);
    CHECK(text_of(*listed[3].data_cap) == "daily 1k, monthly 2T, reset_day 1");
    CHECK(listed[3].at_cap == AtCap{.action = AtCap::Action::limit, .rate_bps = 256'000});
    CHECK(text_of(listed[3].at_cap) == "limit 256k");
}

TEST_CASE("interfaces can be followed with exceptions")
{
    const auto config = parse(complete("uplinks:\n  exclude: ['wg?', eth1]\n"
                                       "  interfaces: [{interface: lte, priority: backup}]\n"));
    REQUIRE_MESSAGE(config, config.error().text());
    CHECK(config->uplinks.automatic);
    CHECK(config->uplinks.exclude == std::vector<std::string>{"wg?", "eth1"});
    CHECK(config->uplinks.listed == std::vector{UplinkConfig{"lte", Priority::backup}});
    CHECK(parse(complete("uplinks: {auto: true}\n"))->uplinks == UplinksConfig{});
    CHECK(parse(complete("uplinks: {exclude: []}\n"))->uplinks.exclude.empty());
    const auto list = parse(complete("uplinks: {auto: false, interfaces: [a]}\n"));
    CHECK(list->uplinks == parse(complete("uplinks: [a]\n"))->uplinks);
}

TEST_CASE("each mistake is told at its place, with a remedy")
{
    struct Case {
        std::string_view text;
        std::string_view error; ///< after "c.yaml:"
        std::string_view hint;
    };
    constexpr std::array cases{
        Case{"polcy: handover", "3:1: polcy: unknown key", "did you mean 'policy'?"},
        Case{"policy: handoff", "3:1: policy: 'handoff' is not known",
             "one of: aggregate, handover, interactive"},
        Case{"policy: agregate", "3:1: policy: 'agregate' is not known",
             "did you mean 'aggregate'?"},
        Case{"uplinks: wlan0", "3:1: uplinks: expected 'auto' or a list", "uplinks: [wlan0]"},
        Case{"uplinks: []", "3:1: uplinks: the list is empty", "uplinks: auto"},
        Case{"uplinks: {a: b}", "3:11: uplinks.a: unknown key",
             "one of: auto, exclude, interfaces"},
        Case{"uplinks: {auto: yes}", "3:11: uplinks.auto: 'yes' is not true or false", ""},
        Case{"uplinks: {auto: false}", "3:1: uplinks: the list is empty", "uplinks: auto"},
        Case{"uplinks: {auto: false, exclude: [a], interfaces: [a]}",
             "3:24: uplinks.exclude: has no effect without auto", ""},
        Case{"uplinks: {exclude: [a/b]}",
             "3:21: uplinks.exclude[0]: 'a/b' is not a pattern of interface names",
             "1 to 15 bytes without space, '/', ':' or '%'"},
        Case{"uplinks: [{interface: a, metered: 1}]",
             "3:26: uplinks[0].metered: '1' is not true or false", ""},
        Case{"uplinks: [{interface: a, data_cap: 10G}]",
             "3:26: uplinks[0].data_cap: expected a mapping, found a single value", ""},
        Case{"uplinks: [{interface: a, data_cap: {reset_day: 1}}]",
             "3:26: uplinks[0].data_cap: needs daily, monthly or both", "data_cap: {monthly: 10G}"},
        Case{"uplinks: [{interface: a, data_cap: {daily: 1GB}}]",
             "3:37: uplinks[0].data_cap.daily: '1GB' is not a quantity",
             "a whole number with k, M, G or T behind it, for example 500M"},
        Case{"uplinks: [{interface: a, data_cap: {daily: 1G, reset_day: 29}}]",
             "3:48: uplinks[0].data_cap.reset_day: '29' is not a number from 1 to 28", ""},
        Case{"uplinks: [{interface: a, at_cap: never}]",
             "3:26: uplinks[0].at_cap: has no effect without data_cap", ""},
        Case{"uplinks: [{interface: a, data_cap: {daily: 1G}, at_cap: slow}]",
             "3:49: uplinks[0].at_cap: 'slow' is not known",
             "one of: backup, never, limit RATE in bit/s as in 'limit 256k'"},
        Case{"uplinks: [{interface: a, data_cap: {daily: 1G}, at_cap: limit fast}]",
             "3:49: uplinks[0].at_cap: 'fast' is not a quantity",
             "a whole number with k, M, G or T behind it, for example 500M"},
        Case{"guard: on", "3:1: guard: 'on' is not true or false", ""},
        Case{"state_dir: ''", "3:1: state_dir: the path is empty", ""},
        Case{"uplinks: [a, a]", "3:14: uplinks[1]: 'a' is listed twice", ""},
        Case{"uplinks: [a, {interface: a}]", "3:15: uplinks[1].interface: 'a' is listed twice", ""},
        Case{"uplinks: [{interface: a, priority: frist}]",
             "3:26: uplinks[0].priority: 'frist' is not known",
             "one of: primary, secondary, backup, never"},
        Case{"uplinks: [{interface: a, prio: x}]", "3:26: uplinks[0].prio: unknown key",
             "one of: interface, priority, metered, data_cap, at_cap"},
        Case{"uplinks: [{priority: backup}]", "3:11: uplinks[0].interface: missing",
             "interface: eth0"},
        Case{"uplinks: [braid0]", "3:11: uplinks[0]: 'braid0' is the tunnel itself", ""},
        Case{"uplinks: [{interface: a, priority: never}]",
             "3:1: uplinks: no uplink may be used: all have the priority 'never'", ""},
        Case{"uplinks: [a/b]", "3:11: uplinks[0]: 'a/b' is not an interface name",
             "1 to 15 bytes without space, '/', ':' or '%'"},
        Case{"uplinks: [1, 2, 3, 4, 5, 6, 7, 8, 9]", "3:1: uplinks: more than 8 entries", ""},
        Case{"routes: [10.0.0.1/8]",
             "3:10: routes[0]: '10.0.0.1/8' has bits set behind its prefix length",
             "the network is 10.0.0.0/8"},
        Case{"routes: [10.0.0.0/33]", "3:10: routes[0]: '10.0.0.0/33' is not an IP prefix", ""},
        Case{"routes: ['::/0', '::/0']", "3:18: routes[1]: ::/0 is listed twice", ""},
        Case{"routes: [127.1.0.0/16]",
             "3:10: routes[0]: 127.1.0.0/16 is loopback or multicast, which no tunnel carries", ""},
        Case{"routes: ['::1']",
             "3:10: routes[0]: ::1/128 is loopback or multicast, which no tunnel carries", ""},
        Case{"routes: [239.0.0.0/8]",
             "3:10: routes[0]: 239.0.0.0/8 is loopback or multicast, which no tunnel carries", ""},
        Case{"routes: ['ff02::/16']",
             "3:10: routes[0]: ff02::/16 is loopback or multicast, which no tunnel carries", ""},
        Case{"routes: default", "3:1: routes: expected a list, found a single value", ""},
        Case{"tun: {name: this-name-is-too-long}",
             "3:7: tun.name: 'this-name-is-too-long' is not a name for a TUN",
             "1 to 15 of letters, digits, '-', '_' and '.'"},
        Case{"log: {level: verbose}", "3:7: log.level: unknown log level 'verbose'",
             "use debug, info, warning or error"},
    };
    for (const Case& each : cases) {
        const auto& text = each.text;
        const auto& error = each.error;
        const auto& hint = each.hint;
        CAPTURE(text);
        const auto config = parse(complete(text));
        REQUIRE_FALSE(config);
        CHECK(config.error().text() == "c.yaml:" + std::string{error});
        CHECK(config.error().hint == hint);
    }
}

TEST_CASE("what is required is asked for with an example")
{
    CHECK(parse("{}").error().text() == "c.yaml:1:1: server.endpoint: missing");
    CHECK(parse("{}").error().hint == "endpoint: vpn.example.org:8684");
    CHECK(parse("server: {endpoint: a:1}").error().text() ==
          "c.yaml:1:1: server.public_key: missing");
    const auto no_identity =
        parse("server: {endpoint: a:1, public_key: " + std::string{server_key} + "}");
    CHECK(no_identity.error().text() == "c.yaml:1:1: identity.private_key_file: missing");
    CHECK(parse("server: {endpoint: a}").error().text() ==
          "c.yaml:1:10: server.endpoint: 'a' is not host:port");
    CHECK(parse("server: {endpoint: []}").error().text() ==
          "c.yaml:1:10: server.endpoint: the list is empty");
    CHECK(parse("server: {public_key: x}")
              .error()
              .text()
              .starts_with("c.yaml:1:10: server.public_key: "));
}

TEST_CASE("a server's host is a name or an address of one host")
{
    const auto problem = [](std::string_view host) {
        const auto config = parse("server: {endpoint: '" + std::string{host} + ":1'}");
        return config.error().text();
    };
    for (const auto* good :
         {"a", "a.example.org.", "1a.2b", "x_y", "192.0.2.1", "[2001:db8::1]", "127.0.0.1"}) {
        CAPTURE(good);
        CHECK(problem(good) == "c.yaml:1:1: server.public_key: missing");
    }
    for (const auto* bad :
         {"a b", " a", "a..b", ".a", ".", "a..", "256.1.1.1", "1.2.3", "7", "1.2.3.4.", "a\tb"}) {
        CAPTURE(bad);
        CHECK(problem(bad).ends_with("is neither an address nor a host name"));
    }
    for (const auto* bad : {"0.0.0.0", "[::]", "224.0.0.1", "[ff02::1]"}) {
        CAPTURE(bad);
        CHECK(problem(bad).ends_with("is no address of a host"));
    }
}

TEST_CASE("a server's key of zeros only is refused")
{
    const auto config = parse("server: {endpoint: a:1, public_key: " + PublicKey{}.text() +
                              "}\nidentity: {private_key_file: k}\n");
    CHECK(config.error().text() == "c.yaml:1:25: server.public_key: all zeros is nobody's key");
}

TEST_CASE("the client's own key is not the server's")
{
    const auto config = parse("server: {endpoint: a:1, public_key: " + std::string{own_key} +
                              "}\nidentity: {private_key_file: k}\n");
    CHECK(config.error().text() == "c.yaml:1:25: server.public_key: this is the client's own key");
}

TEST_CASE("a key file that others may read, or that is none, is refused at its key")
{
    const test::TempFolder folder;
    const auto file = folder.write("client.yaml", complete(""), 0600);
    const auto key = folder / "client.key";
    const auto problem = [&] {
        const auto config = load_client_config(file);
        return config ? Error{} : config.error();
    };
    const auto place = file.native() + ":2:12: identity.private_key_file: ";
    CHECK(problem().text() == place + "open " + key.native() + ": No such file or directory");
    test::write_key(folder, "client.key", 'c', 0640);
    CHECK(problem().text().starts_with(place + key.native()));
    CHECK(problem().hint == "chmod 600 " + key.native());
    folder.write("client.key", "nonsense", 0600);
    CHECK(problem().text().starts_with(place + key.native()));
    test::write_key(folder, "client.key", 'c');
    CHECK(load_client_config(file));
}

TEST_CASE("a config file that cannot be read is told by its name")
{
    const auto config = load_client_config("/nowhere/client.yaml");
    REQUIRE_FALSE(config);
    CHECK(config.error().text() == "open /nowhere/client.yaml: No such file or directory");
}

TEST_CASE("the example config is valid, and what it shows are the defaults")
{
    const test::TempFolder folder;
    const auto text = test::example_config("client.yaml");
    const auto file = folder.write("client.yaml", text, 0644);
    test::write_key(folder, "client.key", 'c');
    const auto config = load_client_config(file);
    REQUIRE_MESSAGE(config, config.error().text());
    check_defaults(*config);
    CHECK(config->identity.private_key_file == folder / "client.key");

    test::write_key(folder, "client.psk", 'p');
    const auto full =
        load_client_config(folder.write("full.yaml", test::with_all_keys(text), 0644));
    REQUIRE_MESSAGE(full, full.error().text());
    CHECK(full->identity.preshared_key_file == folder / "client.psk");
    CHECK(full->daemon.log_file.has_value());
}

TEST_CASE("names of priorities and policies are those of the config")
{
    CHECK(name_of(Priority::backup) == "backup");
    CHECK(name_of(Policy::interactive) == "interactive");
}
