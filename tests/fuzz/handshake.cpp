/// A stranger's bytes as a client hello and as a server hello. The keys are those of the seeds
/// (tests/vectors/generate.py), so that valid messages get all the way through.
#include "common/crypto/handshake.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

using namespace braid;

namespace {

template <unsigned char Value>
void fill(MutBytes out)
{
    std::ranges::fill(out, std::byte{Value});
}

struct Keys {
    bool ready = crypto::init().has_value();
    PrivateKey client = PrivateKey::generate(fill<1>);
    PrivateKey server = PrivateKey::generate(fill<2>);
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const Keys keys;
    const Bytes input = std::as_bytes(std::span{data, size});
    const CipherSet chacha{1};

    ServerHandshake server{{.own = keys.server, .accepted = chacha, .random = fill<4>}};
    std::array<std::byte, server_hello_size> reply{};
    if (server.on_hello(input, [](const PublicKey&) { return &PresharedKey::none(); }))
        if (!server.reply(reply)) std::abort();

    std::array<std::byte, client_hello_size> hello{};
    ClientHandshake client{{.own = keys.client,
                            .server = keys.server.public_key(),
                            .psk = PresharedKey::none(),
                            .offered = CipherSet{3},
                            .random = fill<3>}};
    if (!client.start(hello)) std::abort();
    const auto result = client.on_reply(input);
    if (result && result->cipher != Cipher::chacha20_poly1305) std::abort();
    return 0;
}
