#include "common/crypto/aegis256.hpp"

#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

[[nodiscard]] bool missing()
{
    if (aegis256::supported()) return false;
    WARN_MESSAGE(false, "this machine or its libsodium does not have AEGIS-256");
    return true;
}

/// Key and nonce as the published vectors name them.
struct KeyAndNonce {
    Secret<32> key;
    std::vector<std::byte> nonce;

    [[nodiscard]] aegis256::Nonce number() const { return Bytes{nonce}.first<32>(); }
};

[[nodiscard]] std::vector<std::byte> joined(std::vector<std::byte> a,
                                            const std::vector<std::byte>& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

} // namespace

TEST_CASE("AEGIS-256 matches the published vectors")
{
    if (missing()) return;
    const VectorFile v{"aegis256.txt"};
    const KeyAndNonce with{v.secret("key"), v["nonce"]};
    for (const std::string number : {"1", "2", "3", "4", "5"}) {
        CAPTURE(number);
        const auto& text = v["msg_" + number];
        const auto& associated = v["ad_" + number];
        const auto sealed = joined(v["ct_" + number], v["tag_" + number]);

        auto buffer = text;
        buffer.resize(sealed.size());
        aegis256::seal(with.key, with.number(), associated, buffer);
        CHECK(buffer == sealed);
        REQUIRE(aegis256::open(with.key, with.number(), associated, buffer));
        CHECK(std::ranges::equal(Bytes{buffer}.first(text.size()), text));
    }
}

TEST_CASE("AEGIS-256 refuses the published forgeries")
{
    if (missing()) return;
    const VectorFile v{"aegis256.txt"};
    const KeyAndNonce with{v.secret("key"), v["nonce"]};
    const KeyAndNonce other{v.secret("other_key"), v["other_nonce"]};
    const auto sealed = joined(v["ct_4"], v["tag_4"]);
    const auto opens = [](const KeyAndNonce& used, Bytes associated, std::vector<std::byte> text) {
        return aegis256::open(used.key, used.number(), associated, text);
    };
    const auto& associated = v["ad_4"];
    CHECK(opens(with, associated, sealed));
    CHECK_FALSE(opens(other, associated, sealed));

    auto other_text = sealed;
    other_text[v["ct_4"].size() - 1] ^= std::byte{1};
    CHECK_FALSE(opens(with, associated, other_text));

    auto other_associated = associated;
    other_associated.back() = std::byte{8};
    CHECK_FALSE(opens(with, other_associated, sealed));

    auto other_tag = sealed;
    other_tag.back() = std::byte{0xda};
    CHECK_FALSE(opens(with, associated, other_tag));
}
