#include "common/crypto/locked_secret.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

using namespace braid;
using namespace braid::test;

namespace {

[[nodiscard]] Secret<32> some_secret()
{
    std::array<std::byte, 32> bytes{};
    bytes.fill(std::byte{0x5a});
    return Secret<32>{bytes};
}

/// What the kernel says of the mapping that holds `address`: its permissions and VmFlags.
struct Mapping {
    std::string permissions;
    std::string flags;
};
[[nodiscard]] Mapping mapping_of(const void* address)
{
    std::ifstream file{"/proc/self/smaps"};
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    Mapping found;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words{line};
        std::uintptr_t from = 0;
        std::uintptr_t to = 0;
        char dash = 0;
        std::string permissions;
        if (words >> std::hex >> from >> dash >> to >> permissions && dash == '-') {
            inside = from <= wanted && wanted < to;
            if (inside) found.permissions = permissions;
        }
        if (inside && line.starts_with("VmFlags:")) found.flags = line + ' ';
    }
    return found;
}

} // namespace

TEST_CASE("a locked secret holds what it was made of")
{
    const LockedSecret secret{some_secret()};
    CHECK(std::ranges::equal(secret.bytes(), some_secret().bytes()));
    CHECK(std::ranges::equal(LockedSecret{}.bytes(), Secret<32>{}.bytes()));
}

TEST_CASE("a locked secret moves without its bytes, and leaves zeros")
{
    LockedSecret first{some_secret()};
    const auto* place = first.bytes().data();
    LockedSecret second{std::move(first)};
    CHECK(second.bytes().data() == place);
    const auto left = copy_of(first.bytes()); // NOLINT: what is left is the point
    CHECK(left == copy_of(Secret<32>{}.bytes()));
    LockedSecret third{Secret<32>{}};
    third = std::move(second);
    CHECK(std::ranges::equal(third.bytes(), some_secret().bytes()));
}

TEST_CASE("a locked secret cannot be copied")
{
    CHECK_FALSE(std::is_copy_constructible_v<LockedSecret>);
    CHECK_FALSE(std::is_copy_assignable_v<LockedSecret>);
}

TEST_CASE("a locked secret is read-only and left out of core dumps")
{
    const LockedSecret secret{some_secret()};
    const auto mapping = mapping_of(secret.bytes().data());
    CHECK(mapping.permissions.starts_with("r--"));
    CHECK(mapping.flags.find(" dd ") != std::string::npos); // do not dump
}

#ifndef BRAID_SANITIZED // AddressSanitizer makes mlock(2) do nothing.
TEST_CASE("a child locks a secret that it has inherited")
{
    const LockedSecret secret{some_secret()};
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        secret.lock();
        const auto flags = mapping_of(secret.bytes().data()).flags;
        ::_exit(flags.find(" lo ") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}
#endif

TEST_CASE("a read behind a locked secret ends the program")
{
    const LockedSecret secret{some_secret()};
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (const int number : {SIGSEGV, SIGBUS, SIGABRT}) std::signal(number, SIG_DFL);
        const volatile std::byte* behind = secret.bytes().data() + LockedSecret::size;
        ::_exit(std::to_integer<int>(*behind) & 0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
}

TEST_CASE("keys that are parsed are in locked memory, and the public key is the same")
{
    const auto generated = PrivateKey::generate();
    const auto parsed = PrivateKey::parse(view(generated.text()));
    REQUIRE(parsed);
    CHECK(parsed->public_key() == generated.public_key());
    CHECK(parsed->text() == generated.text());

    const auto psk = PresharedKey::parse(view(PresharedKey::generate().text()));
    REQUIRE(psk);
    CHECK(mapping_of(psk->bytes().data()).permissions.starts_with("r--"));
}
