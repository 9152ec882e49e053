/// Fuzzes both configs: a text is read, or refused with one printable line that names a place.
#include "client/config.hpp"
#include "server/config.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace braid;

namespace {

void check(const Error& error)
{
    const bool one_line = std::ranges::none_of(
        error.what + error.hint, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!one_line || !error.what.starts_with("x:") || error.what.size() > 512) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string text{data, data + size};
    const ConfigSource source{"x", "/etc/braid"};
    const auto own_key = [](const auto&) -> Result<PublicKey> { return PublicKey{}; };
    const auto in_order = [](const auto&) { return Status{}; };
    const auto client = parse_client_config(text, source, {own_key, in_order});
    if (!client) check(client.error());
    const auto server = parse_server_config(text, source, {own_key, in_order});
    if (!server) check(server.error());
    return 0;
}
