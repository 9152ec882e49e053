#include "client/usage_file.hpp"
#include "common/admin/file.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <doctest/doctest.h>

namespace braid {
namespace {

using test::TempFolder;

const UplinkConfig lte{.interface = "lte", .data_cap = DataCap{.monthly_bytes = 100}};

std::uint64_t month_bytes(const std::filesystem::path& file)
{
    Loop loop;
    return UsageFile{loop, file}.usage(lte).month_bytes;
}

} // namespace

TEST_CASE("what is counted is what is new of a total, and outlives the object")
{
    const TempFolder folder;
    const auto file = folder / "usage.json";
    {
        Loop loop;
        UsageFile usage{loop, file};
        usage.count("lte", 60);
        usage.count("lte", 60);
        usage.count("lte", 70);
        CHECK(usage.usage(lte).month_bytes == 70);
    }
    CHECK(month_bytes(file) == 70);
    CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms{0600});
    {
        Loop loop;
        UsageFile usage{loop, file};
        usage.count("lte", 30); // from 0 again
        CHECK(usage.usage(lte).month_bytes == 100);
        CHECK(usage.usage(lte).cap == DataUsage::Cap::reached);
    }
    CHECK(month_bytes(file) == 100);
}

TEST_CASE("nothing is written where nothing was counted")
{
    const TempFolder folder;
    CHECK(month_bytes(folder / "usage.json") == 0);
    CHECK_FALSE(std::filesystem::exists(folder / "usage.json"));
}

TEST_CASE("a damaged file is put aside")
{
    const TempFolder folder;
    for (const auto* text : {"", "{", "{}"}) {
        CAPTURE(text);
        const auto file = folder.write("usage.json", text, 0600);
        CHECK(month_bytes(file) == 0);
        CHECK_FALSE(std::filesystem::exists(file));
        CHECK(read_file(folder / "usage.json.damaged", 99) == text);
    }
}

TEST_CASE("where nothing can be kept counting goes on")
{
    Loop loop;
    for (const auto& file : {std::optional<std::filesystem::path>{}, {"/proc/none/usage.json"}}) {
        UsageFile usage{loop, file};
        usage.count("lte", 5);
        CHECK(usage.usage(lte).today_bytes == 5);
    }
}

} // namespace braid
