#include "common/crypto/aead_makers.hpp"

#include "tests/unit/crypto/made_ciphers.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <random>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using Buffer = std::vector<std::byte>;

/// Both makers of the ciphers that both have, with one key.
struct Pair {
    Cipher cipher;
    Aead sodium{cipher, Secret<32>{}, AeadMaker::libsodium};
    Aead libcrypto{cipher, Secret<32>{}, AeadMaker::libcrypto};
};

[[nodiscard]] std::vector<Pair> pairs()
{
    std::vector<Pair> all;
    for (const auto cipher : all_ciphers)
        if (Aead::supported(cipher, AeadMaker::libcrypto)) all.push_back({.cipher = cipher});
    if (all.empty()) WARN_MESSAGE(false, "built without libcrypto, or no cipher of both");
    return all;
}

std::vector<std::size_t> sizes()
{
    std::vector<std::size_t> all(301);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    for (const std::size_t large : {1400U, 4095U, 16384U, 65551U, 133120U}) all.push_back(large);
    return all;
}

/// Reproducible chance.
class Dice {
public:
    [[nodiscard]] std::size_t up_to(std::size_t most) { return engine_() % (most + 1); }
    [[nodiscard]] Buffer bytes(std::size_t size)
    {
        Buffer all(size);
        for (auto& each : all) each = static_cast<std::byte>(engine_() & 0xff);
        return all;
    }

private:
    std::mt19937 engine_{1};
};

/// Seals `text` cut at random. Of its segments about half lie at their place in the result.
[[nodiscard]] Buffer seal_cut(const Aead& aead, Bytes associated, const Buffer& text, Dice& dice)
{
    Buffer out = dice.bytes(text.size() + tag_size(aead.cipher()));
    std::vector<Bytes> segments;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t most = std::min(text.size() - at, text.size() / 3 + 20);
        const Bytes part = Bytes{text}.subspan(at, dice.up_to(most));
        const bool in_place = dice.up_to(1) == 1;
        if (in_place) std::ranges::copy(part, out.begin() + static_cast<std::ptrdiff_t>(at));
        segments.push_back(in_place ? Bytes{out}.subspan(at, part.size()) : part);
        at += part.size();
    }
    CHECK(aead.seal(text.size(), associated, segments, out) == out.size());
    return out;
}

void check_opens(const Aead& aead, Bytes associated, Buffer sealed, const Buffer& text)
{
    const auto opened = aead.open(text.size(), associated, sealed);
    REQUIRE(opened);
    CHECK(std::ranges::equal(*opened, text));
}

[[nodiscard]] bool is_zero(Bytes bytes)
{
    return std::ranges::all_of(bytes, [](std::byte each) { return each == std::byte{}; });
}

} // namespace

TEST_CASE("both makers make the same bytes of any size and cut, and open each other's")
{
    Dice dice;
    for (const auto& pair : pairs()) {
        CAPTURE(name(pair.cipher));
        for (const std::size_t size : sizes()) {
            CAPTURE(size);
            const Buffer text = dice.bytes(size);
            const Buffer associated = dice.bytes(dice.up_to(20));
            const Buffer sealed = seal_cut(pair.sodium, associated, text, dice);
            CHECK(seal_cut(pair.libcrypto, associated, text, dice) == sealed);
            check_opens(pair.sodium, associated, sealed, text);
            check_opens(pair.libcrypto, associated, sealed, text);
        }
    }
}

TEST_CASE("what was not opened shows nothing of its text, and the next is opened all the same")
{
    Dice dice;
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        const Aead aead{made.cipher, Secret<32>{}, made.maker};
        for (const std::size_t size : {1U, 15U, 16U, 300U, 20000U}) {
            CAPTURE(size);
            const Buffer text = dice.bytes(size);
            const Buffer sealed = seal_cut(aead, {}, text, dice);
            const auto last_of_text = static_cast<std::ptrdiff_t>(size - 1);
            for (const auto place :
                 {sealed.begin(), sealed.begin() + last_of_text, sealed.end() - 1}) {
                Buffer broken = sealed;
                broken[static_cast<std::size_t>(place - sealed.begin())] ^= std::byte{1};
                CHECK_FALSE(aead.open(size, {}, broken));
                CHECK(is_zero(Bytes{broken}.first(size)));
            }
            Buffer other = sealed;
            CHECK_FALSE(aead.open(size, as_bytes("another header"), other));
            CHECK(is_zero(Bytes{other}.first(size)));
            check_opens(aead, {}, sealed, text);
        }
    }
}

TEST_CASE("each cipher gets the maker that costs least, libsodium when they are alike")
{
    const auto dearer = [](AeadMaker which) {
        return [which](Cipher, AeadMaker maker) { return maker == which ? 2ms : 1ms; };
    };
    CHECK(AeadMakers::cheapest(dearer(AeadMaker::libcrypto)) == AeadMakers{});
    CHECK(AeadMakers::cheapest([](Cipher, AeadMaker) { return 1ms; }) == AeadMakers{});
    const auto makers = AeadMakers::cheapest(dearer(AeadMaker::libsodium));
    for (const auto cipher : all_ciphers) {
        CAPTURE(name(cipher));
        const bool both = Aead::supported(cipher, AeadMaker::libcrypto);
        CHECK(makers.of(cipher) == (both ? AeadMaker::libcrypto : AeadMaker::libsodium));
    }
}

TEST_CASE("only what is supported is measured, and each takes some time")
{
    std::size_t asked = 0;
    const auto makers = AeadMakers::cheapest([&](Cipher cipher, AeadMaker maker) {
        ++asked;
        REQUIRE(Aead::supported(cipher, maker));
        const auto taken = measure_aead(cipher, maker);
        CHECK(taken > 0ns);
        CHECK(taken < 1s);
        return taken;
    });
    CHECK(asked == made_ciphers().size());
    for (const auto& made : made_ciphers())
        CHECK(Aead::supported(made.cipher, makers.of(made.cipher)));
}
