#include "common/crypto/derive.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <doctest/doctest.h>

using namespace braid;
using namespace braid::test;

TEST_CASE("derived keys match the golden vectors")
{
    const VectorFile vectors{"derive.txt"};
    const auto secret = vectors.secret("secret");
    const auto& context = vectors["context"];
    CHECK(derive(secret, "braid rekey") == vectors.secret("braid rekey"));
    CHECK(derive(secret, "braid record", context) == vectors.secret("braid record"));
    CHECK(derive(secret, "braid lane", context) == vectors.secret("braid lane"));
    CHECK(derive(secret, "braid lane") == vectors.secret("braid lane without context"));
}

TEST_CASE("the border between label and context counts")
{
    const Secret<32> secret;
    CHECK_FALSE(derive(secret, "ab", as_bytes("c")) == derive(secret, "a", as_bytes("bc")));
    CHECK_FALSE(derive(secret, "abc") == derive(secret, "", as_bytes("abc")));
}
