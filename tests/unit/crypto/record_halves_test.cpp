#include "common/crypto/record.hpp"

#include "tests/unit/crypto/made_ciphers.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <optional>
#include <thread>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

using Buffer = std::vector<std::byte>;

Buffer text_of(std::size_t number)
{
    Buffer text(1000 + 37 * number);
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<std::byte>((number * 31 + i) & 0xff);
    return text;
}

RecordSealer make_sealer(const MadeCipher& made, RecordLimits limits = {})
{
    return {made.cipher, Secret<32>{}, limits, made.maker};
}
RecordOpener make_opener(const MadeCipher& made, RecordLimits limits = {})
{
    return {made.cipher, Secret<32>{}, limits, made.maker};
}

/// So many records of one sealer.
std::vector<Buffer> sealed(RecordSealer& sealer, std::size_t count)
{
    std::vector<Buffer> units;
    for (std::size_t i = 0; i < count; ++i) {
        const auto text = text_of(i);
        const std::array segments{Bytes{text}};
        Buffer unit(text.size() + sealer.overhead());
        REQUIRE(sealer.seal(segments, unit));
        units.push_back(std::move(unit));
    }
    return units;
}

/// Runs `work(i, thread)` for every i on two threads, numbers 1 and 2, the last ones first.
template <typename Work>
void on_two_threads(std::size_t count, Work work)
{
    const auto half = [&](std::size_t thread) {
        for (std::size_t i = count; i-- > 0;) {
            if (i % 2 + 1 == thread) work(i, thread);
        }
    };
    std::thread first{half, 1};
    std::thread second{half, 2};
    first.join();
    second.join();
}

} // namespace

TEST_CASE("records that are begun in order may be sealed in any order, on any thread")
{
    constexpr std::size_t count = 20;
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        auto at_once = make_sealer(made);
        auto in_halves = make_sealer(made);
        const auto expected = sealed(at_once, count);
        std::vector<Buffer> units;
        std::vector<SealWork> works;
        for (std::size_t i = 0; i < count; ++i) {
            auto& unit = units.emplace_back(expected[i].size());
            const auto work = in_halves.begin(text_of(i).size(), unit);
            REQUIRE(work);
            CHECK(work->size() == unit.size());
            works.push_back(*work);
        }
        on_two_threads(count, [&](std::size_t i, std::size_t thread) {
            const auto text = text_of(i);
            const std::array segments{Bytes{text}};
            works[i].run(segments, thread);
        });
        CHECK(units == expected);
    }
}

TEST_CASE("records that are begun in order may be opened in any order, on any thread")
{
    constexpr std::size_t count = 20;
    for (const auto& made : made_ciphers()) {
        CAPTURE(made.text());
        auto sealer = make_sealer(made);
        auto opener = make_opener(made);
        auto units = sealed(sealer, count);
        units[7].back() ^= std::byte{1};
        std::vector<OpenWork> works;
        for (auto& unit : units) {
            const auto work = opener.begin(unit);
            REQUIRE(work);
            works.push_back(*work);
        }
        std::array<bool, count> good{};
        on_two_threads(count,
                       [&](std::size_t i, std::size_t thread) { good[i] = works[i].run(thread); });
        for (std::size_t i = 0; i < count; ++i) {
            CAPTURE(i);
            CHECK(good[i] == (i != 7));
            if (good[i]) CHECK(std::ranges::equal(works[i].plaintext(), text_of(i)));
        }
    }
}

TEST_CASE("both halves and the whole may be mixed")
{
    const MadeCipher made{Cipher::chacha20_poly1305, AeadMaker::libsodium};
    auto sealer = make_sealer(made);
    auto opener = make_opener(made);
    auto units = sealed(sealer, 6);
    for (std::size_t i = 0; i < units.size(); ++i) {
        CAPTURE(i);
        if (i % 2 == 0) {
            CHECK(opener.open(units[i]));
        } else {
            const auto work = opener.begin(units[i]);
            REQUIRE(work);
            CHECK(work->run());
        }
    }
}

TEST_CASE("what cannot be opened ahead is left to open(), which goes on where begin() was")
{
    const MadeCipher made{Cipher::chacha20_poly1305, AeadMaker::libsodium};
    auto sealer = make_sealer(made);
    auto opener = make_opener(made);
    auto units = sealed(sealer, 1);
    REQUIRE(opener.begin(units[0])->run());
    sealer.rekey();
    auto next = sealed(sealer, 2);
    CHECK_FALSE(opener.begin(next[0]));
    Buffer empty;
    Buffer cut(units[0].begin(), units[0].end() - 1);
    Buffer tiny(unit_header_size + 3);
    write_unit_header(tiny, UnitType::record, 3);
    for (Buffer* unit : {&empty, &cut, &tiny}) CHECK_FALSE(opener.begin(*unit));
    CHECK(opener.open(next[0]));
    const auto work = opener.begin(next[1]);
    REQUIRE(work);
    CHECK(work->run(3)); // a thread has the new key, too
}

TEST_CASE("a thread that had a key has the next one after a change")
{
    const MadeCipher made{Cipher::chacha20_poly1305, AeadMaker::libsodium};
    auto at_once = make_sealer(made);
    auto in_halves = make_sealer(made);
    for (int round = 0; round < 3; ++round) {
        const auto expected = sealed(at_once, 1).front();
        const auto text = text_of(0);
        const std::array segments{Bytes{text}};
        Buffer unit(expected.size());
        in_halves.begin(text.size(), unit)->run(segments, 1);
        CHECK(unit == expected);
        at_once.rekey();
        in_halves.rekey();
    }
}

TEST_CASE("what is begun counts towards the key's limits")
{
    const MadeCipher made{Cipher::chacha20_poly1305, AeadMaker::libsodium};
    constexpr RecordLimits two{.records = 2, .bytes = 1 << 20};
    auto sealer = make_sealer(made, two);
    auto opener = make_opener(made, two);
    auto units = sealed(sealer, 4);
    CHECK(sealer.should_rekey());
    Buffer out(100);
    CHECK_FALSE(sealer.begin(10, out));
    for (auto& unit : units) CHECK(opener.begin(unit));
    CHECK_FALSE(opener.begin(units[0]));
    CHECK_FALSE(opener.open(units[0]));
}

TEST_CASE("a record that is too large is not begun")
{
    auto sealer = make_sealer({Cipher::chacha20_poly1305, AeadMaker::libsodium});
    Buffer out(max_unit_size + 1);
    CHECK(sealer.begin(max_record_plaintext, out));
    const auto refused = sealer.begin(max_record_plaintext + 1, out);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == std::errc::message_size);
}
