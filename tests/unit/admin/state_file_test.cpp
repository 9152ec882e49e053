#include "common/admin/file.hpp"
#include "common/admin/state_file.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <sys/stat.h>
#include <vector>

using namespace braid;
using nlohmann::json;

namespace {

const HostIdentity here{"boot-1", 4026531840};

} // namespace

TEST_CASE("entries are on disk before record() returns, and found again in order")
{
    const test::TempFolder folder;
    const auto file = folder / "client.sock.state";
    auto state = StateFile::create(file, here);
    REQUIRE(state);
    REQUIRE(state->record({{"sysctl", "net.ipv4.ip_forward"}, {"old", "0"}}));
    REQUIRE(state->record({{"nft_table", "braid_braid0"}}));
    const auto stale = load_stale_state(file, here);
    REQUIRE(stale);
    REQUIRE(stale->has_value());
    CHECK(**stale == state->entries());
    CHECK((*stale)->at(1) == json{{"nft_table", "braid_braid0"}});
}

TEST_CASE("a daemon that died before its first change is still recognised")
{
    const test::TempFolder folder;
    REQUIRE(StateFile::create(folder / "s", here));
    const auto stale = load_stale_state(folder / "s", here);
    REQUIRE(stale);
    CHECK(stale->value().empty());
}

TEST_CASE("after clear() nothing is stale")
{
    const test::TempFolder folder;
    auto state = StateFile::create(folder / "s", here);
    REQUIRE(state);
    REQUIRE(state->record("x"));
    REQUIRE(state->clear());
    CHECK(state->entries().empty());
    CHECK_FALSE(load_stale_state(folder / "s", here)->has_value());
    CHECK(state->clear()); // twice is no error
}

TEST_CASE("changes of another boot or network namespace are not ours")
{
    const test::TempFolder folder;
    REQUIRE(StateFile::create(folder / "s", here));
    CHECK_FALSE(load_stale_state(folder / "s", {"boot-2", here.network_namespace})->has_value());
    CHECK_FALSE(load_stale_state(folder / "s", {here.boot_id, 1})->has_value());
}

TEST_CASE("a journal that makes no sense yields no entries, but says that there was a daemon")
{
    const test::TempFolder folder;
    const std::string deep =
        R"({"entries":)" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}";
    for (const std::string& text : {std::string{}, std::string{"{"}, std::string{"[]"},
                                    std::string{R"({"entries": 5})"}, deep}) {
        CAPTURE(text.substr(0, 40));
        const auto stale = load_stale_state(folder.write("s", text, 0600), here);
        REQUIRE(stale);
        CHECK(stale->value().empty());
    }
}

TEST_CASE("a journal that is too large makes no sense either")
{
    const test::TempFolder folder;
    const auto file = folder.write("s", std::string(5'000'000, ' '), 0600);
    CHECK(load_stale_state(file, here).value().value().empty());
}

TEST_CASE("what is no file in the journal's place is not read, and removed or set aside")
{
    const test::TempFolder folder;
    const auto real = folder / "real";
    REQUIRE(StateFile::create(real, here).value().record("x"));
    const auto file = folder / "s";
    const std::vector<std::function<void()>> kinds{
        [&] { std::filesystem::create_symlink(real, file); },
        [&] { std::filesystem::create_symlink("/dev/zero", file); },
        [&] { std::filesystem::create_symlink("nowhere", file); },
        [&] { REQUIRE(::mkfifo(file.c_str(), 0600) == 0); },
        [&] { std::filesystem::create_directory(file); },
        [&] { std::filesystem::create_directories(file / "full"); },
        [&] { std::filesystem::create_directories(file / "full"); }, // and again
    };
    for (const auto& make : kinds) {
        make();
        const auto stale = load_stale_state(file, here);
        REQUIRE(stale);
        CHECK(stale->value().empty());
        CHECK(remove_state(file));
        CHECK_FALSE(load_stale_state(file, here)->has_value());
        CHECK(std::filesystem::symlink_status(file).type() ==
              std::filesystem::file_type::not_found);
    }
    CHECK(load_stale_state(real, here)->value().size() == 1);
}

TEST_CASE("the journal is bounded, and an entry that is not written is not kept")
{
    const test::TempFolder folder;
    auto state = StateFile::create(folder / "s", here);
    REQUIRE(state);
    for (std::size_t i = 0; i < StateFile::max_entries; ++i) REQUIRE(state->record(i));
    CHECK(state->record("more").error().code == std::errc::no_buffer_space);
    REQUIRE(state->clear());

    std::filesystem::create_directory(folder / "s");
    CHECK_FALSE(state->record("unwritable"));
    CHECK(state->entries().empty());
}

TEST_CASE("strings that are no UTF-8 do not keep the journal from being written")
{
    const test::TempFolder folder;
    auto state = StateFile::create(folder / "s", here);
    REQUIRE(state);
    CHECK(state->record({{"old", "\xff"}}));
}

TEST_CASE("this host has an identity, the same each time")
{
    const auto identity = host_identity();
    REQUIRE(identity);
    CHECK(identity->boot_id.size() == 36);
    CHECK(identity->network_namespace != 0);
    CHECK(host_identity() == *identity);
}
