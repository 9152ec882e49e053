/// A stranger's bytes as the stream of a lane: units, and records under an all-zero key.
#include "common/crypto/record.hpp"
#include "common/crypto/keys.hpp"

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

using namespace braid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const bool ready = crypto::init().has_value();
    if (!ready) std::abort();
    const Bytes input = std::as_bytes(std::span{data, size});
    std::vector<std::byte> copy(input.begin(), input.end());
    RecordOpener opener{Cipher::chacha20_poly1305, Secret<32>{}};
    constexpr std::size_t overhead = record_overhead(Cipher::chacha20_poly1305);

    MutBytes rest{copy};
    for (;;) {
        const auto unit = next_unit(rest);
        if (!unit || !*unit) return 0;
        if ((*unit)->size > max_unit_size) std::abort();
        if ((*unit)->size > rest.size()) return 0;
        const MutBytes whole = rest.first((*unit)->size);
        const auto plaintext = opener.open(whole);
        if (plaintext && plaintext->size() + overhead != whole.size()) std::abort();
        rest = rest.subspan(whole.size());
    }
}
