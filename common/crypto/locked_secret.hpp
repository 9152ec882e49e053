/// Secrets that live as long as the program: kept out of swap and core dumps.
#pragma once

#include "common/crypto/secret.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace braid {

/// 32 secret bytes in memory of their own, by sodium_malloc: locked (as far as RLIMIT_MEMLOCK
/// lets it), not dumped, read-only, between pages that must not be touched; wiped when freed.
/// Moving leaves zeros. Throws std::bad_alloc when there is no memory, as containers do.
class LockedSecret {
public:
    static constexpr std::size_t size = 32;

    LockedSecret() noexcept = default; ///< all zeros, without memory of its own
    explicit LockedSecret(const Secret<size>& from);

    /// Locks the memory again: a child does not inherit the lock. As far as RLIMIT_MEMLOCK lets it.
    void lock() const noexcept;

    /// Borrowed from this object and from the one that it is moved to.
    [[nodiscard]] std::span<const std::byte, size> bytes() const noexcept;

private:
    struct Free {
        void operator()(std::byte* memory) const noexcept;
    };
    std::unique_ptr<std::byte, Free> memory_;
};

} // namespace braid
