#include "common/admin/crypto_choice.hpp"

#include "common/crypto/keys.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace braid;

TEST_CASE("the status has a library for each cipher of this host, and for no other")
{
    REQUIRE(crypto::init());
    const auto status = crypto_status(AeadMakers{});
    for (const Cipher cipher : all_ciphers) {
        CAPTURE(name(cipher));
        const std::string key{name(cipher)};
        REQUIRE(status.contains(key) == Aead::supported(cipher));
        if (status.contains(key))
            CHECK(status.at(key).get<std::string>().starts_with("libsodium 1."));
    }
    CHECK(crypto_status(choose_makers()).size() == status.size());
}
