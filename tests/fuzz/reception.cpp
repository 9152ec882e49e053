/// A stranger's whole stream at a server, in pieces: hello or join, then what may confirm it. The
/// first byte says how the rest is cut. The keys are those of the seeds
/// (tests/vectors/generate.py), so that stored openings are good.
#include "server/reception.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

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

/// Knows everybody who holds a key, and one session.
struct Host : Reception::Host {
    Host()
    {
        joins.open(0, {.id = {}, .cipher = Cipher::chacha20_poly1305, .secret = {}}, TimePoint{});
    }
    bool allows_handshake() override { return true; }
    const PresharedKey* find_client(const PublicKey&) override { return &PresharedKey::none(); }
    AeadMaker maker_of(Cipher) override { return AeadMaker::libsodium; }
    Result<JoinedLane> join(Bytes unit, MutBytes out) override
    {
        return joins.join(unit, out, TimePoint{});
    }
    JoinTable joins;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const Keys keys;
    if (size == 0) return 0;
    const std::size_t piece = 1 + data[0];
    std::vector<std::byte> stream;
    Host host;
    Reception reception{keys.server, host};
    Bytes rest = std::as_bytes(std::span{data, size}).subspan(1);
    while (!rest.empty()) {
        const Bytes next = rest.first(std::min(piece, rest.size()));
        rest = rest.subspan(next.size());
        stream.insert(stream.end(), next.begin(), next.end());
        const auto step = reception.take(stream);
        if (!step) return 0;
        // Whoever confirms a handshake knows a key of the server's choice, which this input cannot.
        if (step->admission) std::abort();
        if (step->taken > stream.size()) std::abort();
        stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(step->taken));
        if (stream.size() > Reception::room) std::abort();
    }
    return 0;
}
