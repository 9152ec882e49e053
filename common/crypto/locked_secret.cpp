#include "common/crypto/locked_secret.hpp"

#include <cstring>
#include <new>
#include <sodium/core.h>
#include <sodium/utils.h>
#include <sys/mman.h>

namespace braid {

LockedSecret::LockedSecret(const Secret<size>& from)
{
    // sodium_free() ends the program over memory from before sodium_init(), which is harmless when
    // repeated.
    if (sodium_init() >= 0) memory_.reset(static_cast<std::byte*>(sodium_malloc(size)));
    if (!memory_) throw std::bad_alloc{};
    std::memcpy(memory_.get(), from.bytes().data(), size);
    // It fails only where the system has no page protection: then the secret is just not so.
    (void)sodium_mprotect_readonly(memory_.get());
}

void LockedSecret::lock() const noexcept
{
    // Not sodium_mlock(): that asks for no dump as well, which a child does inherit.
    if (memory_) (void)::mlock(memory_.get(), size);
}

std::span<const std::byte, LockedSecret::size> LockedSecret::bytes() const noexcept
{
    static constexpr std::byte zeros[size]{};
    return std::span<const std::byte, size>{memory_ ? memory_.get() : zeros, size};
}

void LockedSecret::Free::operator()(std::byte* memory) const noexcept
{
    sodium_free(memory);
}

} // namespace braid
