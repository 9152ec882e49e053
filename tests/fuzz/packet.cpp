/// Fuzzes the parser of IP packets and the flow hash of what it yields.
#include "common/wire/packet.hpp"

#include "common/queue/flow.hpp"

#include <cstdlib>

using namespace braid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto info = parse_packet(std::as_bytes(std::span{data, size}));
    if (!info) return 0;
    const bool sane = info->l4_offset <= size && info->l4_offset >= 20 &&
                      info->source.family() == info->destination.family();
    if (!sane || hash_flow({}, *info) != hash_flow({}, *info)) std::abort();
    return 0;
}
