#include "common/admin/status_text.hpp"

#include <doctest/doctest.h>

using namespace braid;
using nlohmann::json;

TEST_CASE("privileges are told in a line, with what is missing")
{
    json privileges{{"user", "braid"},
                    {"capabilities", {"cap_net_admin"}},
                    {"no_new_privs", true},
                    {"seccomp", true}};
    CHECK(privileges_text(privileges) == "user braid, cap_net_admin, no_new_privs, seccomp");
    privileges["seccomp"] = false;
    privileges["capabilities"].push_back("cap_chown");
    CHECK(privileges_text(privileges) ==
          "user braid, cap_net_admin, cap_chown, no_new_privs, no seccomp");
}

TEST_CASE("columns are aligned and lines end without spaces")
{
    TextTable table{{"uplink", "state"}};
    table.add({"wifi", "active"});
    table.add({"a-long-name", "", "x\ny"});
    CHECK(table.text() == "uplink       state\n"
                          "wifi         active\n"
                          "a-long-name  -       x?y\n");
    CHECK(TextTable{{"a", "b"}}.text(2) == "  a  b\n");
    CHECK(TextTable{}.text().empty());
}

TEST_CASE("bytes are shown in powers of 1000, rounded, without a unit's overflow")
{
    CHECK(bytes_text(0) == "0 B");
    CHECK(bytes_text(999) == "999 B");
    CHECK(bytes_text(1000) == "1.0 kB");
    CHECK(bytes_text(1049) == "1.0 kB");
    CHECK(bytes_text(1050) == "1.1 kB");
    CHECK(bytes_text(999'949) == "999.9 kB");
    CHECK(bytes_text(999'950) == "1.0 MB");
    CHECK(bytes_text(1'234'567'890) == "1.2 GB");
    CHECK(bytes_text(UINT64_MAX) == "18446.7 PB");
    CHECK(bytes_text(-1) == "-");
    CHECK(bytes_text(nullptr) == "-");
    CHECK(bytes_text("7") == "-");
}

TEST_CASE("parts of a whole are shown in percent, small ones with a tenth")
{
    CHECK(percent_text(0) == "0 %");
    CHECK(percent_text(0.0004) == "0 %");
    CHECK(percent_text(0.0042) == "0.4 %");
    CHECK(percent_text(0.0994) == "9.9 %");
    CHECK(percent_text(0.0996) == "10 %");
    CHECK(percent_text(0.634) == "63 %");
    CHECK(percent_text(1.0) == "100 %");
    CHECK(percent_text(1.1) == "-");
    CHECK(percent_text(-0.1) == "-");
    CHECK(percent_text(nullptr) == "-");
}

TEST_CASE("round-trip times are shown in ms, none yet as a dash")
{
    CHECK(rtt_text(21'349) == "21.3 ms");
    CHECK(rtt_text(21'350) == "21.4 ms");
    CHECK(rtt_text(90) == "0.1 ms");
    CHECK(rtt_text(0) == "-");
    CHECK(rtt_text(nullptr) == "-");
}

TEST_CASE("times ago are shown in the unit that fits")
{
    CHECK(ago_text(nullptr) == "never");
    CHECK(ago_text(0) == "0 s ago");
    CHECK(ago_text(119) == "119 s ago");
    CHECK(ago_text(120) == "2 min ago");
    CHECK(ago_text(7200) == "2 h ago");
    CHECK(ago_text(200'000) == "2 d ago");
    CHECK(ago_text("x") == "-");
    CHECK(ago_text(12.9) == "12 s ago");
    CHECK(span_text(12.9) == "12 s");
    CHECK(span_text(180) == "3 min");
    CHECK(span_text(7200.0) == "2 h");
    CHECK(span_text(nullptr) == "-");
    CHECK(span_text(-0.5) == "-");
    CHECK(span_text(1e300) == "-");
}

TEST_CASE("any JSON value has a plain form")
{
    CHECK(plain_text("x") == "x");
    CHECK(plain_text("") == "-");
    CHECK(plain_text(true) == "yes");
    CHECK(plain_text(1500) == "1500");
    CHECK(plain_text(json::array({"a", "b"})) == "a, b");
    CHECK(plain_text(json::array()) == "-");
    CHECK(plain_text(nullptr) == "-");
    CHECK(plain_text(json::object()) == "-");
    CHECK(member(json{{"a", 1}}, "a") == 1);
    CHECK(member(json{{"a", 1}}, "b").is_null());
    CHECK(member("text", "a").is_null());
}
