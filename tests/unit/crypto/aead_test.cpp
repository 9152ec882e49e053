#include "common/crypto/aead.hpp"

#include "tests/unit/crypto/made_ciphers.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

[[nodiscard]] Secret<32> key_of(std::byte value)
{
    std::array<std::byte, 32> bytes{};
    bytes.fill(value);
    return Secret<32>{bytes};
}

[[nodiscard]] std::vector<std::byte> seal(const Aead& aead, std::uint64_t nonce, Bytes text)
{
    std::vector<std::byte> out(text.size() + tag_size(aead.cipher()));
    const std::array segments{text};
    CHECK(aead.seal(nonce, as_bytes("header"), segments, out) == out.size());
    return out;
}

} // namespace

TEST_CASE("what was sealed opens to the same plaintext")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        const Aead aead{made.cipher, key_of(std::byte{7}), made.maker};
        for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 1400U, 65536U}) {
            const std::vector<std::byte> text(size, std::byte{0x5a});
            auto sealed = seal(aead, 3, text);
            const auto opened = aead.open(3, as_bytes("header"), sealed);
            REQUIRE(opened);
            CHECK(std::ranges::equal(*opened, text));
            CHECK(opened->data() == sealed.data());
        }
    }
}

TEST_CASE("segments are sealed as one text, copied or in place")
{
    const auto text = copy_of("one two three");
    for (const auto& made : made_ciphers()) {
        const Aead aead{made.cipher, key_of(std::byte{7}), made.maker};
        const auto whole = seal(aead, 0, text);

        const Bytes all{text};
        std::vector<std::byte> out(whole.size());
        const std::array apart{all.first(4), Bytes{}, all.subspan(4, 5), all.subspan(9)};
        CHECK(aead.seal(0, as_bytes("header"), apart, out) == out.size());
        CHECK(out == whole);

        std::ranges::copy(text, out.begin());
        std::ranges::fill_n(out.begin(), 4, std::byte{0});
        const std::array mixed{all.first(4), Bytes{out}.subspan(4, 9)};
        CHECK(aead.seal(0, as_bytes("header"), mixed, out) == out.size());
        CHECK(out == whole);
    }
}

TEST_CASE("every flipped bit, another nonce, header or key is refused")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        const Aead aead{made.cipher, key_of(std::byte{7}), made.maker};
        const auto sealed = seal(aead, 1, copy_of("attack at dawn"));
        for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
            auto broken = sealed;
            broken[bit / 8] ^= std::byte{1} << (bit % 8);
            CHECK_FALSE(aead.open(1, as_bytes("header"), broken));
        }
        auto copy = sealed;
        CHECK_FALSE(aead.open(2, as_bytes("header"), copy));
        copy = sealed;
        CHECK_FALSE(aead.open(1, as_bytes("Header"), copy));
        copy = sealed;
        CHECK_FALSE(
            Aead{made.cipher, key_of(std::byte{8}), made.maker}.open(1, as_bytes("header"), copy));
        copy = sealed;
        CHECK(aead.open(1, as_bytes("header"), copy));
    }
}

TEST_CASE("less than a tag is refused")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        const Aead aead{made.cipher, key_of(std::byte{7}), made.maker};
        std::vector<std::byte> bytes(tag_size(made.cipher) - 1);
        for (std::size_t size = 0; size < tag_size(made.cipher); ++size)
            CHECK_FALSE(aead.open(0, {}, MutBytes{bytes}.first(size)));
    }
}

TEST_CASE("the nonce's high bytes count")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        const Aead aead{made.cipher, key_of(std::byte{7}), made.maker};
        auto sealed = seal(aead, 1, copy_of("text"));
        CHECK_FALSE(aead.open((std::uint64_t{1} << 56) + 1, as_bytes("header"), sealed));
    }
}

TEST_CASE("a moved cipher works and leaves nothing")
{
    for (const auto& made : made_ciphers()) {
        Aead first{made.cipher, key_of(std::byte{7}), made.maker};
        const auto before = seal(first, 0, copy_of("text"));
        Aead second{std::move(first)};
        CHECK(seal(second, 0, copy_of("text")) == before);
        auto sealed = before;
        CHECK_FALSE(first.open(0, as_bytes("header"), sealed)); // NOLINT: its key is wiped
        Aead third{made.cipher, key_of(std::byte{8}), made.maker};
        third = std::move(second);
        CHECK(seal(third, 0, copy_of("text")) == before);
    }
}
