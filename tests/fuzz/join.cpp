/// A stranger's bytes as a lane join and as a lane accept: as they come, and as changes to valid
/// ones, of which none may pass. The session's secret is that of the seeds
/// (tests/vectors/generate.py), so that valid units get all the way through.
#include "common/crypto/lane_join.hpp"

#include "common/crypto/keys.hpp"

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

/// A session of which the client has sent its first join and the server has not yet seen it.
struct Session {
    LaneWindow window{Secret<32>{}};
    ClientJoin client{LaneChain{Secret<32>{}}.next(), fill<1>};
    std::array<std::byte, lane_join_size> join{};
    std::array<std::byte, lane_accept_size> accept{};

    Session()
    {
        if (!client.start(join)) std::abort();
    }
    [[nodiscard]] bool take(Bytes unit)
    {
        const auto before = window.tickets();
        const bool known =
            ticket_of(unit) && std::ranges::find(before, *ticket_of(unit)) != before.end();
        const bool taken = window.accept(unit, accept, fill<2>).has_value();
        if (taken && !known) std::abort();
        if (taken == (window.tickets() == before)) std::abort();
        if (taken && window.accept(unit, accept, fill<2>)) std::abort();
        return taken;
    }
};

/// Adds the input, bit by bit; true if that changes anything.
[[nodiscard]] bool disturb(MutBytes unit, Bytes input)
{
    const Bytes change = input.first(std::min(input.size(), unit.size()));
    std::ranges::transform(change, unit, unit.begin(), [](auto a, auto b) { return a ^ b; });
    return std::ranges::any_of(change, [](auto b) { return b != std::byte{0}; });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const bool ready = crypto::init().has_value();
    if (!ready) std::abort();
    const Bytes input = std::as_bytes(std::span{data, size});

    Session raw;
    (void)raw.take(input);
    (void)raw.client.on_reply(input);

    Session changed;
    auto join = changed.join;
    if (!changed.take(join)) std::abort();
    auto accept = changed.accept;
    if (disturb(accept, input) == changed.client.on_reply(accept).has_value()) std::abort();

    Session again;
    if (disturb(join, input) == again.take(join)) std::abort();
    return 0;
}
