#include "common/crypto/secret.hpp"

#include <sodium/randombytes.h>
#include <sodium/utils.h>

namespace braid {

void wipe(MutBytes bytes) noexcept
{
    sodium_memzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(Bytes a, Bytes b) noexcept
{
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void fill_random(MutBytes bytes) noexcept
{
    randombytes_buf(bytes.data(), bytes.size());
}

} // namespace braid
