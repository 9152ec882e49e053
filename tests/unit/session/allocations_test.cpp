#include "tests/unit/session/allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::atomic<std::size_t> calls{0};

} // namespace

std::size_t braid::test::allocations() noexcept
{
    return calls.load();
}

// NOLINTBEGIN(bugprone-reserved-identifier)
#ifdef BRAID_SANITIZED

// The sanitizers have their own malloc in this program's place, and tell of each call
// (sanitizer/allocator_interface.h, which GCC does not bring).
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace {

[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++calls; }, [](const volatile void*) {});

} // namespace

#else

// A program's own functions of these names take the place of libc's for every library in it
// (glibc manual, "Replacing malloc"). Those of libc go on by their other names.
extern "C" {

void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
void* __libc_realloc(void* memory, std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;

void* malloc(std::size_t size) noexcept
{
    ++calls;
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept
{
    ++calls;
    return __libc_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) noexcept
{
    ++calls;
    return __libc_realloc(memory, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept
{
    ++calls;
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    return ::memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept
{
    *memory = ::memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}

} // extern "C"
  // NOLINTEND(bugprone-reserved-identifier)

#endif

namespace {

/// Takes and frees memory in some way; nothing of it may be optimised away.
struct Way {
    std::string_view name;
    std::function<void*()> take;
    std::function<void(void*)> give_back;
};

} // namespace

TEST_CASE("every way to ask for memory is counted")
{
    struct alignas(64) Wide {
        char bytes[64];
    };
    const std::vector<Way> ways{
        {"malloc", [] { return std::malloc(10); }, std::free},
        {"calloc", [] { return std::calloc(2, 10); }, std::free},
        {"realloc", [] { return std::realloc(nullptr, 10); }, std::free},
#ifndef __SANITIZE_THREAD__ // which does not tell of it (GCC 12)
        {"aligned_alloc", [] { return std::aligned_alloc(64, 64); }, std::free},
#endif
        {"strdup, in libc", [] { return static_cast<void*>(::strdup("text")); }, std::free},
        {"new", [] { return static_cast<void*>(new int); },
         [](void* memory) { delete static_cast<int*>(memory); }},
        {"new of what is aligned", [] { return static_cast<void*>(new Wide); },
         [](void* memory) { delete static_cast<Wide*>(memory); }},
        {"new[]", [] { return static_cast<void*>(new char[10]); },
         [](void* memory) { delete[] static_cast<char*>(memory); }},
        {"a string", [] { return static_cast<void*>(new std::string(100, 'x')); },
         [](void* memory) { delete static_cast<std::string*>(memory); }},
    };
    for (const Way& way : ways) {
        CAPTURE(way.name);
        const std::size_t before = braid::test::allocations();
        void* memory = way.take();
        const std::size_t after = braid::test::allocations();
        CHECK(after > before);
        way.give_back(memory);
    }
}
