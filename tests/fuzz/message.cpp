/// Fuzzes control messages: what was decoded encodes to the same message again.
#include "common/wire/message.hpp"

#include <cstdlib>

using namespace braid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto message = decode_message(std::as_bytes(std::span{data, size}));
    if (!message || !*message) return 0;
    const auto encoded = encode_message(**message);
    const auto again = decode_message(encoded);
    if (encoded.size() > size || !again || *again != *message) std::abort();
    return 0;
}
