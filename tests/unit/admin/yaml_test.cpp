#include "common/admin/yaml.hpp"

#include <array>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>

using namespace braid;

namespace {

/// The error that parsing alone gives; empty when it gives none.
std::string refusal(std::string_view text)
{
    const auto document = YamlDocument::parse(text, "x.yaml");
    return document ? "" : document.error().text();
}

/// What a reader of {tun: {name, mtu}, list: [text], nat} finds.
struct Outcome {
    std::string name = "braid0";
    std::uint16_t mtu = 1500;
    bool nat = true;
    std::vector<std::string> list{};
    Error error{};
};

Outcome read(std::string_view text)
{
    Outcome out;
    auto document = YamlDocument::parse(text, "x.yaml");
    REQUIRE(document);
    const auto root = document->root().fields({"tun", "list", "nat"});
    const auto tun = root["tun"].fields({"name", "mtu"});
    tun["name"].read(out.name, parse_text);
    tun["mtu"].read(out.mtu, integer_within<std::uint16_t>(1280, 9000));
    root["nat"].read(out.nat, parse_boolean);
    for (const auto& item : root["list"].items(2)) {
        std::string entry;
        if (item.read(entry, parse_text)) out.list.push_back(entry);
    }
    if (const auto result = document->result(); !result) out.error = result.error();
    return out;
}

} // namespace

TEST_CASE("values are read into what holds the defaults, and absent ones leave them")
{
    const auto out = read("tun:\n  mtu: 1400\nlist: [a, \"b c\"]\n");
    CHECK(out.error.what.empty());
    CHECK(out.name == "braid0");
    CHECK(out.mtu == 1400);
    CHECK(out.nat);
    CHECK(out.list == std::vector<std::string>{"a", "b c"});
}

TEST_CASE("a key without a value counts as absent")
{
    const auto out = read("tun:\n  name:\n  mtu: ~\nlist:\nnat: null\n");
    CHECK(out.error.what.empty());
    CHECK(out.name == "braid0");
    CHECK(out.mtu == 1500);
}

TEST_CASE("every problem names file, line, column, key and remedy")
{
    struct Case {
        std::string_view text;
        std::string_view error;
        std::string_view hint;
    };
    constexpr std::array cases{
        Case{"tun:\n  nmae: x\n", "x.yaml:2:3: tun.nmae: unknown key", "did you mean 'name'?"},
        Case{"tunnel: 1\nnat: false\n", "x.yaml:1:1: tunnel: unknown key",
             "one of: tun, list, nat"},
        Case{"nat: maybe\n", "x.yaml:1:1: nat: 'maybe' is not true or false", ""},
        Case{"tun: {mtu: 9001}\n", "x.yaml:1:7: tun.mtu: '9001' is not a number from 1280 to 9000",
             ""},
        Case{"tun: {mtu: 1400x}\n",
             "x.yaml:1:7: tun.mtu: '1400x' is not a number from 1280 to 9000", ""},
        Case{"tun: {mtu: 99999999999999999999}\n",
             "x.yaml:1:7: tun.mtu: '99999999999999999999' is not a number from 1280 to 9000", ""},
        Case{"tun: [a]\n", "x.yaml:1:1: tun: expected a mapping, found a list", ""},
        Case{"tun: name\n", "x.yaml:1:1: tun: expected a mapping, found a single value", ""},
        Case{"tun:\n  name: {a: b}\n",
             "x.yaml:2:3: tun.name: expected a single value, found a mapping", ""},
        Case{"list: x\n", "x.yaml:1:1: list: expected a list, found a single value", ""},
        Case{"list:\n  - a\n  - [b]\n",
             "x.yaml:3:5: list[1]: expected a single value, found a list", ""},
        Case{"list: [a, b, c]\n", "x.yaml:1:1: list: more than 2 entries", ""},
        Case{"- a\n", "x.yaml:1:1: expected a mapping, found a list", ""},
    };
    for (const Case& each : cases) {
        const auto& text = each.text;
        const auto& error = each.error;
        const auto& hint = each.hint;
        CAPTURE(text);
        const auto out = read(text);
        CHECK(out.error.text() == error);
        CHECK(out.error.hint == hint);
    }
}

TEST_CASE("of several problems the first in the text is told")
{
    CHECK(read("nat: x\ntun: {mtu: 1}\n").error.what.starts_with("x.yaml:1:1: nat"));
    CHECK(read("tun: {mtu: 1}\nnat: x\n").error.what.starts_with("x.yaml:1:7: tun.mtu"));
}

TEST_CASE("what is missing is told only when nothing else is wrong, as it is often mistyped")
{
    const auto first_problem = [](std::string_view text) {
        auto document = YamlDocument::parse(text, "x.yaml");
        REQUIRE(document);
        const auto root = document->root().fields({"server"});
        root["server"].fields({"endpoint"})["endpoint"].required("endpoint: host:port");
        const auto result = document->result();
        return result ? Error{} : result.error();
    };
    CHECK(first_problem("server:\n  endpiont: x\n").what ==
          "x.yaml:2:3: server.endpiont: unknown key");
    CHECK(first_problem("server: {}\n").what == "x.yaml:1:1: server.endpoint: missing");
    CHECK(first_problem("server: {}\n").hint == "endpoint: host:port");
    CHECK(first_problem("# nothing\nserver: {endpoint: }\n").what ==
          "x.yaml:2:10: server.endpoint: missing");
}

TEST_CASE("a lone value can stand for a list of one")
{
    auto document = YamlDocument::parse("a: x\nb: [x, y]\nc:\n", "x.yaml");
    REQUIRE(document);
    CHECK(document->root()["a"].item_or_items(9).size() == 1);
    CHECK(document->root()["b"].item_or_items(9).size() == 2);
    CHECK(document->root()["c"].item_or_items(9).empty());
    CHECK(document->root()["d"].item_or_items(9).empty());
    CHECK(document->result());
}

TEST_CASE("an unknown word is answered with the nearest, or with all")
{
    static constexpr std::array choices{Choice<int>{"primary", 1}, Choice<int>{"backup", 2}};
    CHECK(one_of(choices)("backup").value() == 2);
    CHECK(one_of(choices)("Primary").error().hint == "did you mean 'primary'?");
    CHECK(one_of(choices)("x").error().hint == "one of: primary, backup");
    CHECK(one_of(choices)("x").error().what == "'x' is not known");
}

TEST_CASE("texts that are no config are refused with their place")
{
    struct Case {
        std::string_view text;
        std::string_view error;
    };
    constexpr std::array cases{
        Case{"", "x.yaml:1:1: the file is empty"},
        Case{"# only a comment\n", "x.yaml:1:1: the file is empty"},
        Case{"a: 1\n---\nb: 2\n", "x.yaml:1:1: more than one YAML document"},
        Case{"a: 1\nb: \xff\n", "x.yaml:2:4: not UTF-8 text"},
        Case{"a: \xc3\n", "x.yaml:1:4: not UTF-8 text"},
        Case{"a: \xc0\xaf\n", "x.yaml:1:4: not UTF-8 text"},
        Case{"a: \xed\xa0\x80\n", "x.yaml:1:4: not UTF-8 text"},
        Case{"a: \xf4\x90\x80\x80\n", "x.yaml:1:4: not UTF-8 text"},
        Case{"a: \x1b[31m\n", "x.yaml:1:4: not UTF-8 text"},
        Case{"a: 1\nb: 2\na: 3\n", "x.yaml:3:1: a: duplicate key, first in line 1"},
        Case{"l:\n  - x: 1\n  - m: {k: 1, k: 2}\n",
             "x.yaml:3:15: l[1].m.k: duplicate key, first in line 3"},
        Case{"a: !!binary aGk=\n", "x.yaml:1:4: tags such as !x are not supported"},
        Case{"[a]: 1\n", "x.yaml:1:1: a key must be plain text"},
        Case{"{a: 1}: 1\n", "x.yaml:1:1: a key must be plain text"},
        Case{"? \n: 1\n", "x.yaml:2:1: a key must be plain text"},
        Case{"a: &x b\n*x : c\n", "x.yaml:2:1: a key must be plain text"},
        Case{"&a x: *a\n", "x.yaml:1:7: an alias of a key is not supported"},
    };
    for (const Case& each : cases) {
        const auto& text = each.text;
        const auto& error = each.error;
        CAPTURE(text);
        CHECK(refusal(text) == error);
    }
    CHECK(refusal("a: 'caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80'\r\n").empty());
}

TEST_CASE("syntax errors carry their place, and tabs a hint")
{
    CHECK(refusal("a: [1, 2\nb: 3\n").starts_with("x.yaml:2:"));
    CHECK(refusal("a: b: c\n").starts_with("x.yaml:1:5: "));
    CHECK(refusal("a: *nobody\n").starts_with("x.yaml:1:4: "));
    const auto tabs = YamlDocument::parse("tun:\n\tname: x\n", "x.yaml");
    REQUIRE_FALSE(tabs);
    CHECK(tabs.error().what.starts_with("x.yaml:2:"));
    CHECK(tabs.error().hint == "indent with spaces: YAML takes no tabs there");
}

TEST_CASE("depth, size and number of values are bounded")
{
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(refusal(nested(16)).empty());
    CHECK(refusal(nested(17)) == "x.yaml:1:17: nested deeper than 16 levels");
    CHECK(refusal(nested(100'000)) == "x.yaml:1:17: nested deeper than 16 levels");
    CHECK(refusal(std::string(max_config_size + 1, ' ')) == "x.yaml:1:1: larger than 1 MiB");

    std::string many = "[";
    for (std::size_t i = 0; i < max_yaml_nodes; ++i) many += "1,";
    CHECK(refusal(many + "]").ends_with("too many values"));
}

TEST_CASE("aliases share values, however often they multiply")
{
    CHECK(read("tun: &t {name: &n x}\nlist: [*n, *n]\n").list ==
          std::vector<std::string>{"x", "x"});
    std::string bomb = "a0: &a0 [x, x]\n";
    for (int i = 1; i <= 100; ++i) {
        const auto below = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below + ", " + below +
                "]\n";
    }
    auto document = YamlDocument::parse(bomb, "x.yaml");
    REQUIRE(document);
    CHECK(document->root()["a100"].items(2).front().items(2).size() == 2);
}

TEST_CASE("a value that contains itself is read as deep as the reader asks")
{
    auto document = YamlDocument::parse("a: &a [*a, *a]\n", "x.yaml");
    REQUIRE(document);
    CHECK(document->root()["a"].items(2).front().items(2).front().items(2).size() == 2);
}

TEST_CASE("problems are one printable line of bounded length, whatever the text has")
{
    const auto shown = read("nat: \"a\\nb\\e[31m\"\n").error.what;
    CHECK(shown == "x.yaml:1:1: nat: 'a?b?[31m' is not true or false");
    CHECK(read("nat: " + std::string(5000, 'x')).error.what.size() < 400);
}
