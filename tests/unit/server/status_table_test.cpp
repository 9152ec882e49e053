#include "server/status_table.hpp"

#include <doctest/doctest.h>

using namespace braid;
using nlohmann::json;

TEST_CASE("the server's status is a summary and its peers")
{
    const auto status = json::parse(R"({
        "schema": 1, "role": "server", "state": "up", "listen": ["[::]:8684"],
        "tun": {"name": "braid0", "addresses": ["10.86.0.1/24"], "mtu": 1500},
        "crypto": {"aes-256-gcm": "libcrypto 3.0.17", "chacha20-poly1305": "libsodium 1.0.18"},
        "peers": [
            {"name": "laptop", "public_key": "x", "state": "up", "addresses": ["10.86.0.2/32"],
             "endpoints": ["198.51.100.7:40000", "[2001:db8::7]:40001"], "cipher": "aes-256-gcm",
             "tx_bytes": 5000000, "rx_bytes": 12, "last_handshake_s": 130},
            {"name": "office", "public_key": "y", "state": "down",
             "addresses": ["10.86.0.3/32", "192.168.50.0/24"], "endpoints": [],
             "tx_bytes": 0, "rx_bytes": 0, "last_handshake_s": null}]})");
    CHECK("\n" + server_status_table(status) == R"(
state   up
listen  [::]:8684
tunnel  braid0: 10.86.0.1/24, mtu 1500
crypto  aes-256-gcm by libcrypto 3.0.17, chacha20-poly1305 by libsodium 1.0.18

peer    state  handshake  cipher       sent    received  addresses                      endpoints
laptop  up     2 min ago  aes-256-gcm  5.0 MB  12 B      10.86.0.2/32                   198.51.100.7:40000, [2001:db8::7]:40001
office  down   never      -            0 B     0 B       10.86.0.3/32, 192.168.50.0/24  -
)");
}

TEST_CASE("a server without peers says so")
{
    CHECK(server_status_table({{"peers", json::array()}}).ends_with("\nno peers\n"));
    CHECK(server_status_table(json::object()).ends_with("\nno peers\n"));
}
