#include "common/crypto/record.hpp"

#include "tests/unit/crypto/made_ciphers.hpp"
#include "tests/unit/crypto/vector_file.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

const std::string record_files[] = {"record_chacha20_poly1305.txt", "record_aes256_gcm.txt",
                                    "record_aegis256.txt"};

[[nodiscard]] std::vector<std::byte> seal(RecordSealer& sealer, Bytes text)
{
    std::vector<std::byte> out(text.size() + sealer.overhead());
    const std::array segments{text};
    const auto size = sealer.seal(segments, out);
    REQUIRE(size);
    CHECK(*size == out.size());
    return out;
}

[[nodiscard]] std::vector<std::byte> seal(RecordSealer& sealer, std::string_view text)
{
    return seal(sealer, as_bytes(text));
}

[[nodiscard]] bool opens(RecordOpener& opener, std::vector<std::byte> unit, std::string_view text)
{
    const auto plaintext = opener.open(unit);
    return plaintext && std::ranges::equal(*plaintext, as_bytes(text));
}

/// Both ends of one direction, with a fixed key.
struct Direction {
    RecordSealer sealer;
    RecordOpener opener;

    explicit Direction(RecordLimits limits = {},
                       MadeCipher made = {Cipher::chacha20_poly1305, AeadMaker::libsodium})
        : sealer(made.cipher, Secret<32>{}, limits, made.maker),
          opener(made.cipher, Secret<32>{}, limits, made.maker)
    {
    }
    explicit Direction(MadeCipher made) : Direction(RecordLimits{}, made) {}
};

/// Those that can make the records of these vectors.
[[nodiscard]] std::vector<MadeCipher> made_of(const VectorFile& vectors)
{
    auto made = made_ciphers();
    std::erase_if(made, [&](const MadeCipher& each) {
        return static_cast<std::uint8_t>(each.cipher) != vectors.byte("cipher");
    });
    return made;
}

void check_vectors(const VectorFile& v, const MadeCipher& made)
{
    CAPTURE(made.text());
    RecordSealer sealer{made.cipher, v.secret("secret"), {}, made.maker};
    RecordOpener opener{made.cipher, v.secret("secret"), {}, made.maker};
    for (int i = 0; i < 5; ++i) {
        CAPTURE(i);
        if (i == 3) sealer.rekey();
        const auto& plaintext = v["plaintext_" + std::to_string(i)];
        auto unit = seal(sealer, plaintext);
        CHECK(unit == v["record_" + std::to_string(i)]);
        const auto opened = opener.open(unit);
        REQUIRE(opened);
        CHECK(std::ranges::equal(*opened, plaintext));
    }
}

void check_flipped_bits(const VectorFile& v, const MadeCipher& made)
{
    CAPTURE(made.text());
    for (const std::string which : {"record_0", "record_1"}) {
        const auto& record = v[which];
        for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
            CAPTURE(bit);
            RecordOpener opener{made.cipher, v.secret("secret"), {}, made.maker};
            if (which == "record_1") CHECK(opens(opener, v["record_0"], ""));
            auto broken = record;
            broken[bit / 8] ^= std::byte{1} << (bit % 8);
            const auto opened = opener.open(broken);
            REQUIRE_FALSE(opened);
            CHECK(opened.error().code == std::errc::protocol_error);
            auto good = record;
            CHECK_FALSE(opener.open(good));
        }
    }
}

} // namespace

TEST_CASE("records and the change of key match the golden vectors")
{
    for (const auto& file : record_files) {
        CAPTURE(file);
        const VectorFile v{file};
        const auto made = made_of(v);
        if (made.empty())
            WARN_MESSAGE(false, "this machine or its libsodium does not have the cipher");
        for (const auto& each : made) check_vectors(v, each);
    }
}

TEST_CASE("segments that lie at their place are sealed without a copy")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        Direction apart{made};
        Direction in_place{made};
        const auto expected = seal(apart.sealer, "header and payload");
        std::vector<std::byte> buffer(expected.size());
        std::ranges::copy(as_bytes("payload"), buffer.begin() + unit_header_size + 11);
        const std::array segments{as_bytes("header and "),
                                  Bytes{buffer}.subspan(unit_header_size + 11, 7)};
        REQUIRE(in_place.sealer.seal(segments, buffer));
        CHECK(buffer == expected);
    }
}

TEST_CASE("equal plaintexts give different records")
{
    Direction way;
    CHECK(seal(way.sealer, "same") != seal(way.sealer, "same"));
}

TEST_CASE("every flipped bit of a record is refused and ends the lane")
{
    for (const auto& file : record_files) {
        CAPTURE(file);
        const VectorFile v{file};
        for (const auto& each : made_of(v)) check_flipped_bits(v, each);
    }
}

TEST_CASE("a record cut or lengthened anywhere is refused")
{
    Direction sample;
    const auto record = seal(sample.sealer, "some text");
    for (std::size_t size = 0; size < record.size(); ++size) {
        CAPTURE(size);
        Direction way;
        auto cut = record;
        cut.resize(size);
        CHECK_FALSE(way.opener.open(cut));
    }
    Direction way;
    auto longer = record;
    longer.push_back(std::byte{0});
    CHECK_FALSE(way.opener.open(longer));
}

TEST_CASE("records replayed, dropped, swapped or sent back are refused")
{
    Direction way;
    const auto first = seal(way.sealer, "first");
    const auto second = seal(way.sealer, "second");
    {
        RecordOpener opener{Cipher::chacha20_poly1305, Secret<32>{}};
        CHECK(opens(opener, first, "first"));
        CHECK_FALSE(opens(opener, first, "first"));
    }
    {
        RecordOpener opener{Cipher::chacha20_poly1305, Secret<32>{}};
        CHECK_FALSE(opens(opener, second, "second"));
    }
    CHECK(opens(way.opener, first, "first"));
    CHECK(opens(way.opener, second, "second"));
}

TEST_CASE("after one bad record the opener is dead")
{
    Direction way;
    const auto good = seal(way.sealer, "good");
    auto bad = good;
    bad[unit_header_size] ^= std::byte{1};
    CHECK_FALSE(way.opener.open(bad));
    CHECK_FALSE(opens(way.opener, good, "good"));
}

TEST_CASE("units of other types are not records")
{
    std::vector<std::byte> unit(unit_header_size + 32);
    for (const auto type : {UnitType::client_hello, UnitType::server_hello, UnitType::lane_join,
                            UnitType::lane_accept}) {
        Direction way;
        write_unit_header(unit, type, 32);
        CHECK_FALSE(way.opener.open(unit));
    }
}

TEST_CASE("another cipher does not open a record, even with the same secret")
{
    for (const auto& made : made_ciphers()) {
        if (made.cipher == Cipher::chacha20_poly1305) continue;
        Direction way;
        RecordOpener opener{made.cipher, Secret<32>{}, {}, made.maker};
        CHECK_FALSE(opens(opener, seal(way.sealer, "text of more than 16 bytes"), "text"));
    }
}

TEST_CASE("a record may be empty and as large as the limit, not larger")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        Direction way{made};
        CHECK(opens(way.opener, seal(way.sealer, ""), ""));
        const std::string most(max_record_plaintext, 'x');
        const auto record = seal(way.sealer, most);
        CHECK(record.size() == max_record_plaintext + record_overhead(made.cipher));
        CHECK(record.size() <= max_unit_size);
        CHECK(opens(way.opener, record, most));

        const std::string more(max_record_plaintext + 1, 'x');
        std::vector<std::byte> out(more.size() + way.sealer.overhead());
        const std::array segments{as_bytes(more)};
        const auto refused = way.sealer.seal(segments, out);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == std::errc::message_size);
        CHECK(opens(way.opener, seal(way.sealer, "next"), "next"));
    }
}

TEST_CASE("a unit that holds no tag of the cipher, or too much for it, is no record")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        for (const std::size_t body : {min_tag_size, tag_size(made.cipher) - 1,
                                       max_record_plaintext + tag_size(made.cipher) + 1,
                                       max_record_plaintext + max_tag_size}) {
            Direction way{made};
            std::vector<std::byte> unit(unit_header_size + body);
            write_unit_header(unit, UnitType::record, body);
            CHECK_FALSE(way.opener.open(unit));
        }
    }
}

TEST_CASE("rekeying needs no agreement and no pause")
{
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        Direction way{made};
        for (int i = 0; i < 10; ++i) {
            CHECK(opens(way.opener, seal(way.sealer, "old"), "old"));
            way.sealer.rekey();
            CHECK(opens(way.opener, seal(way.sealer, "new"), "new"));
        }
    }
}

TEST_CASE("rekeying twice before a record counts once")
{
    Direction way;
    way.sealer.rekey();
    way.sealer.rekey();
    CHECK(opens(way.opener, seal(way.sealer, "text"), "text"));
}

TEST_CASE("the first record under a new key is marked, the second not")
{
    Direction way;
    CHECK(seal(way.sealer, "a").front() == std::byte{6});
    way.sealer.rekey();
    CHECK(seal(way.sealer, "b").front() == std::byte{7});
    CHECK(seal(way.sealer, "c").front() == std::byte{6});
}

TEST_CASE("a stranger cannot make the receiver change its key")
{
    Direction way;
    auto forged = seal(way.sealer, "text");
    forged.front() = std::byte{7};
    CHECK_FALSE(way.opener.open(forged));
}

TEST_CASE("a key that reached its records asks for the next, and refuses at twice as many")
{
    Direction way{{.records = 3, .bytes = 1000}};
    for (int i = 0; i < 6; ++i) {
        CHECK(way.sealer.should_rekey() == (i >= 3));
        CHECK(opens(way.opener, seal(way.sealer, "text"), "text"));
    }
    std::array<std::byte, 64> out{};
    const std::array segments{as_bytes("text")};
    const auto refused = way.sealer.seal(segments, out);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == std::errc::value_too_large);

    way.sealer.rekey();
    CHECK_FALSE(way.sealer.should_rekey());
    CHECK(opens(way.opener, seal(way.sealer, "text"), "text"));
}

TEST_CASE("a key that reached its bytes asks for the next, and refuses beyond twice as many")
{
    Direction way{{.records = 1000, .bytes = 10}};
    CHECK(opens(way.opener, seal(way.sealer, "nine char"), "nine char"));
    CHECK_FALSE(way.sealer.should_rekey());
    CHECK(opens(way.opener, seal(way.sealer, "eleven char"), "eleven char"));
    CHECK(way.sealer.should_rekey());
    std::array<std::byte, 64> out{};
    const std::array segments{as_bytes("x")};
    CHECK_FALSE(way.sealer.seal(segments, out));
}

TEST_CASE("the receiver refuses records of a key that is used up")
{
    RecordSealer careless{Cipher::chacha20_poly1305, Secret<32>{}};
    RecordOpener opener{Cipher::chacha20_poly1305, Secret<32>{}, {.records = 1, .bytes = 1000}};
    CHECK(opens(opener, seal(careless, "1"), "1"));
    CHECK(opens(opener, seal(careless, "2"), "2"));
    CHECK_FALSE(opens(opener, seal(careless, "3"), "3"));
}
